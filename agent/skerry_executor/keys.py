"""The Ed25519 public keys that this box trusts: one base64 line in each `*.pub` of a folder."""

from __future__ import annotations

import base64
import binascii
import os
import pathlib

from skerry_wire.envelope import key_id_of
from skerry_wire.frozen import frozen

MAX_KEY_FILE_BYTES = 4096
MAX_KEYS = 64
KEY_BYTES = 32


class KeyFileError(ValueError):
    """A file that holds no key; names it and says why."""


@frozen(kw_only=True)
class TrustedKeys:
    """Public keys by id, and what is wrong with the files that gave none."""

    by_id: dict[str, bytes]
    problems: tuple[str, ...] = ()


def read_keys(
    folder: pathlib.Path, advice: str = "join a hub, or put its public key there"
) -> TrustedKeys:
    """Read every `*.pub` of the folder; a bad file does not silence the others.

    `advice` is what to do where there is none.
    """
    keys: dict[str, bytes] = {}
    problems: list[str] = []
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".pub"))
    except OSError as error:
        return TrustedKeys(by_id={}, problems=(f"{folder}: {error.strerror}",))
    for name in names[:MAX_KEYS]:
        try:
            with open(folder / name, "rb") as file:
                key = parse_key(file.read(MAX_KEY_FILE_BYTES + 1))
            keys[key_id_of(key)] = key
        except OSError as error:
            problems.append(f"{folder / name}: {error.strerror}")
        except KeyFileError as error:
            problems.append(f"{folder / name}: {error}")
    if len(names) > MAX_KEYS:
        problems.append(f"{folder}: more than {MAX_KEYS} keys; only the first are used")
    if not names:
        problems.append(f"{folder} holds no *.pub: {advice}")
    return TrustedKeys(by_id=keys, problems=tuple(problems))


def parse_key(content: bytes) -> bytes:
    """Return the 32 bytes of a public key. Empty lines and `#` lines are comments."""
    if len(content) > MAX_KEY_FILE_BYTES:
        raise KeyFileError(f"is larger than {MAX_KEY_FILE_BYTES} bytes")
    lines = [line.strip() for line in content.splitlines()]
    lines = [line for line in lines if line and not line.startswith(b"#")]
    if len(lines) != 1:
        raise KeyFileError(f"must hold one line with a key in base64, not {len(lines)}")
    try:
        key = base64.b64decode(lines[0], validate=True)
    except binascii.Error:
        raise KeyFileError("is not base64") from None
    if len(key) != KEY_BYTES:
        raise KeyFileError(f"holds {len(key)} bytes; an Ed25519 public key has {KEY_BYTES}")
    return key
