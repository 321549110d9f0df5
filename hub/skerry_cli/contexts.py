"""The hubs that were logged in to: a file that nobody else may read, and which of them is meant.

A token goes to the hub that it is for, and to no other: whoever names another hub by its address
uses none of what is kept here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Annotated

from skerry_cli.failures import Exit, Failure
from skerry_wire.errors import WireError
from skerry_wire.frozen import frozen
from skerry_wire.schema import Items, Text, reader

MOST_BYTES = 1024 * 1024
MOST_CONTEXTS = 1000

Line = Annotated[str, Text(2048)]


@frozen(kw_only=True)
class Context:
    """One hub. `ca` is who vouches for its certificate, in PEM; `pinned`: known by its pin.

    `audit` is the newest row of the hub's audit log that was seen, as `number:hash`.
    """

    hub: Line
    token: Line | None = dataclasses.field(default=None, repr=False)
    who: Line = ""
    ca: Annotated[str, Text(256 * 1024)] | None = None
    pinned: bool = False
    audit: Line = ""


@frozen(kw_only=True)
class Contexts:
    """All of them, and which one is meant where none is named."""

    current: Line = ""
    contexts: Annotated[Mapping[str, Context], Items(MOST_CONTEXTS)] = dataclasses.field(
        default_factory=dict
    )

    def named(self, name: str) -> Context:
        """Return one by its name. Raises Failure."""
        found = self.contexts.get(name)
        if found is None:
            known = ", ".join(sorted(self.contexts)) or "none: log in with `skerry login URL`"
            raise Failure(f"there is no context {name!r}; there are {known}", Exit.USAGE)
        return found

    def of_hub(self, url: str, any_token: bool = False) -> str:
        """Return the name of a context of a hub; empty where none is. Raises Failure.

        One that is logged in, the current one first; of several others nobody knows as whom it is
        to be. With `any_token` whose token it has does not matter.
        """
        its = [name for name, one in sorted(self.contexts.items()) if one.hub == url.rstrip("/")]
        with_token = [name for name in its if self.contexts[name].token is not None]
        wanted = with_token or its
        if self.current in wanted:
            return self.current
        if len(with_token) > 1 and not any_token:
            raise Failure(
                f"several contexts are logged in to {url}: {', '.join(with_token)}; name one of "
                "them with --context",
                Exit.USAGE,
            )
        return next(iter(wanted), "")

    def put(self, name: str, context: Context) -> Contexts:
        """Return them with one more, or another one of its name."""
        return dataclasses.replace(self, contexts={**self.contexts, name: context})


def place(environment: Mapping[str, str] = os.environ) -> pathlib.Path:
    """Return where they are kept."""
    given = environment.get("SKERRY_CONFIG")
    if given:
        return pathlib.Path(given)
    base = environment.get("XDG_CONFIG_HOME") or os.path.join(
        environment.get("HOME") or os.path.expanduser("~"), ".config"
    )
    return pathlib.Path(base) / "skerry" / "config"


def load(path: pathlib.Path | None = None) -> Contexts:
    """Return what is kept; nothing where there is no file. Raises Failure."""
    path = path or place()
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return Contexts()
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from None
    if mode & 0o077:
        raise Failure(f"{path} holds tokens, and others can read it: chmod 600 {path}")
    try:
        if len(data) > MOST_BYTES:
            raise ValueError(f"it is larger than {MOST_BYTES} bytes")
        found = reader(Contexts, False)(json.loads(data))
    except (ValueError, RecursionError, WireError) as error:
        raise Failure(f"{path} cannot be read: {error}. Remove it, and log in again.") from None
    return found if isinstance(found, Contexts) else Contexts()


def save(kept: Contexts, path: pathlib.Path | None = None) -> None:
    """Keep them: the file is the old one or the new one, whatever happens. Raises Failure."""
    import tempfile  # noqa: PLC0415 - takes long, and logging in is seldom

    path = path or place()
    plain = json.dumps(dataclasses.asdict(kept), indent=1, sort_keys=True)
    temporary = ""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made with mode 0600.
        number, temporary = tempfile.mkstemp(prefix=".config-", dir=path.parent)
        with open(number, "w", encoding="utf-8") as file:
            file.write(plain + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        raise Failure(f"{path}: {error.strerror}") from None
