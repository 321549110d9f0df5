"""Configs and secrets of compose files: files in the container, and variables. Pure.

https://github.com/compose-spec/compose-spec/blob/main/09-secrets.md
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from skerry_hub.workloads.file_keys import CONFIG, FILE_OF_SERVICE, SECRET
from skerry_hub.workloads.mounts import inner_path
from skerry_hub.workloads.problems import RefusedError, short
from skerry_hub.workloads.reading import (
    Section,
    Value,
    attempt,
    boolean,
    entries,
    items,
    listed,
    parsed,
    text,
    whole,
)
from skerry_hub.workloads.yaml_tree import Scalar
from skerry_wire.box_policy import KERNELS_FOLDERS, is_within
from skerry_wire.lifecycle import MAX_FILE_BYTES, File, Sealed
from skerry_wire.types import LABEL
from skerry_wire.workload import Container

CONFIGS, SECRETS, VARIABLES = "configs", "secrets", "x-secret-environment"
SECRETS_FOLDER = "/run/secrets/"
CONFIG_MODE = 0o444
SECRET_MODE = 0o400
MAX_FILES = 64
_OWNER = re.compile(r"(0|[1-9][0-9]{0,9})(?::(0|[1-9][0-9]{0,9}))?")
_MODE = re.compile(r"0o?[0-7]{1,4}")
_MAX_ID = 2**31 - 1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """The configs of a file by name, as contents, and its secrets, as the names at the hub."""

    configs: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    secrets: Mapping[str, str] = dataclasses.field(default_factory=dict)


NOTHING = Declared()


# --- declared at the top ---------------------------------------------------------------------


def declared_configs(value: Value, attached: Mapping[str, bytes]) -> dict[str, bytes]:
    """Read the top-level configs. `attached` are the files that came along, by written path."""
    found = {}
    for name, entry in entries(value):
        content = attempt(entry, functools.partial(_config, attached=attached))
        found[name] = content or b""  # of what is wrong, too: it is told once
    return found


def _config(value: Value, attached: Mapping[str, bytes]) -> bytes:
    section = Section(value, CONFIG)
    inline = section.get("content", lambda one: text(one).encode(), None)
    path = section.get("file", text, None)
    if (inline is None) == (path is None):
        if "content" in section or "file" in section:
            raise RefusedError("must have one of content, file")
        raise RefusedError("is empty: give it content, or a file")
    if path is not None:
        if path not in attached:
            section.refuse("file", f"{short(path)} did not come along: skerry apply sends it")
        inline = attached.get(path, b"")
    assert inline is not None  # noqa: S101 - one of both
    if len(inline) > MAX_FILE_BYTES:
        raise RefusedError(
            f"is {len(inline)} bytes, more than {MAX_FILE_BYTES}, which an order carries: put it "
            "into the image, or into a volume that the box has"
        )
    return inline


def declared_secrets(value: Value) -> dict[str, str]:
    """Read the top-level secrets: the name at the hub, by the name in the file."""
    found = {}
    for name, entry in entries(value):
        at_hub = attempt(entry, functools.partial(_secret, name=name))
        found[name] = at_hub or name
    return found


def _secret(value: Value, name: str) -> str:
    section = Section(value, SECRET)
    if not section.get("external", boolean, default=False):
        raise RefusedError("must have external: true; skerry secret create keeps it at the hub")
    called = section.get("name", parsed(_name), None)
    return _name(name) if called is None else called


def _name(written: str) -> str:
    if re.fullmatch(LABEL, written) is None:
        why = "lower-case letters, digits and inner hyphens, at most 63"
        raise RefusedError(f"{short(written)} is not the name of a secret: {why}")
    return written


# --- used by a service -----------------------------------------------------------------------


def with_files(container: Container, section: Section, declared: Declared) -> Container:
    """Return a service's container with its configs and secrets."""
    uid, gid = _owner_of(section.at("user"))

    def config(name: str) -> File:
        content = _of(declared.configs, name, "config")
        return File(path=f"/{name}", content=content, mode=CONFIG_MODE, uid=uid, gid=gid)

    def secret(name: str) -> File:
        sealed = Sealed(name=_of(declared.secrets, name, "secret"))
        path = SECRETS_FOLDER + name
        return File(path=path, secret=sealed, mode=SECRET_MODE, uid=uid, gid=gid)

    def within(written: str) -> str:
        return written if written.startswith("/") else SECRETS_FOLDER + written

    found: tuple[File, ...] = (
        *section.get(CONFIGS, listed(lambda one: _file(one, config, lambda path: path)), ()),
        *section.get(SECRETS, listed(lambda one: _file(one, secret, within)), ()),
    )
    _check_files(section, [one.target for one in container.mounts], found)
    held = section.get(VARIABLES, lambda one: _variables(one, declared), {})
    for name in held.keys() & container.environment.keys():
        section.refuse(VARIABLES, f"{short(name)} is in environment, too")
    return dataclasses.replace(container, files=found, secret_environment=held)


def _check_files(section: Section, taken: list[str], found: Sequence[File]) -> None:
    if len(found) > MAX_FILES:
        section.value.refuse(f"has {len(found)} files, more than {MAX_FILES}")
    for file in found:
        if file.path in taken:
            section.value.refuse(f"mounts {short(file.path)} twice")
        taken.append(file.path)


def secret_places(section: Section) -> Iterator[tuple[str, Value]]:
    """Give the places at which a service names secrets, by the paths of the record."""
    configs, secrets, held = (section.at(key) for key in (CONFIGS, SECRETS, VARIABLES))
    first = len(tuple(items(configs))) if configs is not None and configs.is_sequence else 0
    listing = items(secrets) if secrets is not None and secrets.is_sequence else ()
    for index, place in enumerate(listing, first):
        yield f"containers[0].files[{index}]", place
    for name, place in entries(held) if held is not None and held.is_mapping else ():
        yield f"containers[0].secret_environment.{name}", place


def _file(value: Value, plain: Callable[[str], File], within: Callable[[str], str]) -> File:
    if value.is_scalar:
        found = plain(text(value))
        return dataclasses.replace(found, path=file_path(found.path))
    section = Section(value, FILE_OF_SERVICE)
    named = section.need("source", parsed(plain), None)
    if named is None:
        return File(path="/unnamed")
    return dataclasses.replace(
        named,
        path=section.get("target", parsed(lambda one: file_path(within(one))), named.path),
        uid=section.get("uid", whole(0, _MAX_ID), named.uid),
        gid=section.get("gid", whole(0, _MAX_ID), named.gid),
        mode=section.get("mode", parsed(_mode), named.mode),
    )


def file_path(written: str) -> str:
    """Return where a file may be in a container: not over what the kernel shows there."""
    found = inner_path(written)
    for folder in KERNELS_FOLDERS:
        if is_within(found, folder):
            raise RefusedError(f"{short(written)} is within {folder}, which is the kernel's")
    return found


def _variables(value: Value, declared: Declared) -> dict[str, Sealed]:
    found = {}
    for name, entry in entries(value):
        if not name or "=" in name:
            entry.refuse(f"{short(name)} is not a name of a variable")
            continue
        read = parsed(lambda one: Sealed(name=_of(declared.secrets, one, "secret")))
        sealed = attempt(entry, read)
        if sealed is not None:
            found[name] = sealed
    return found


def _of(declared: Mapping[str, Any], name: str, what: str) -> Any:
    if name not in declared:
        raise RefusedError(
            f"the {what} {short(name)} is not declared: add it to the top-level {what}s"
        )
    return declared[name]


def _mode(written: str) -> int:
    if _MODE.fullmatch(written) is None or int(written.replace("o", ""), 8) > 0o777:
        raise RefusedError(f"{short(written)} is not a mode in octal, as 0440, of 0777 at most")
    return int(written.replace("o", ""), 8)


def _owner_of(user: Value | None) -> tuple[int, int]:
    """Return user and group that a file belongs to: the container's, where they are numbers."""
    written = user.node.text if user is not None and isinstance(user.node, Scalar) else ""
    match = _OWNER.fullmatch(written)
    if match is None or int(match[1]) > _MAX_ID or int(match[2] or 0) > _MAX_ID:
        return 0, 0
    return int(match[1]), int(match[2] or 0)
