"""What a backup is made of, and the manifest that says so: pure.

Rows of the database are kept by table and column, as one form for every kind of database. So a
backup of SQLite is restored into PostgreSQL, and the other way round.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any

FORMAT = 1
MANIFEST = "manifest.json"
FILES_AT = "files/"
TABLES_AT = "tables/"

MOST_FILE_BYTES = 4 * 2**20
MOST_MANIFEST_BYTES = 2**20
MOST_TABLE_BYTES = 64 * 2**30

_DIGEST = re.compile("[0-9a-f]{64}")
_TABLE = re.compile("[a-z][a-z_]{0,62}")


class BackupError(Exception):
    """A backup cannot be made or restored; the text says why and what to do."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """A file of the data folder. `never_back`: a newer one in the target stays at a restore."""

    name: str
    words: str
    required: bool = False
    never_back: bool = False


FILES = (
    KeyFile(name="order-key", words="signs orders", required=True, never_back=True),
    KeyFile(name="order-key.next", words="will sign orders", never_back=True),
    KeyFile(name="order-key.fresh", words="may come to sign orders", never_back=True),
    KeyFile(name="secret-key", words="keeps secrets unreadable", required=True),
    KeyFile(name="ca-key", words="signs the certificates of boxes"),
    KeyFile(name="ca.pem", words="says whom boxes and people trust"),
    KeyFile(name="crl.pem", words="says which certificates hold no more"),
)
"""Certificates of hub and broker are not among them: the hub makes new ones at its start."""

ACCESS_TABLES = ("enrollments", "certificates", "join_tokens", "api_tokens", "audit")
"""Who may connect, who may ask, and what was done. To put these back to an earlier state would let
in again who was shut out since."""

ACCESS_SETTINGS = ("order_keys", "audit-anchor")
"""Rows of the hub's own table for which the same holds: which order key follows which, and what of
the audit log was cut off."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One member of the archive."""

    name: str
    size_bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """`schema` is the migration of its tables; `numbers` the highest that each table gave out."""

    made_at: str
    made_by: str
    schema: str
    hub: str
    order_key: str
    ca: str | None
    parts: tuple[Part, ...]
    rows: Mapping[str, int]
    numbers: Mapping[str, int]

    @property
    def tables(self) -> tuple[str, ...]:
        """Return the names of its tables."""
        return tuple(
            one.name.removeprefix(TABLES_AT) for one in self.parts if one.name.startswith(TABLES_AT)
        )


def written(manifest: Manifest) -> bytes:
    """Return it as the archive has it."""
    content = {"skerry_backup": FORMAT, **dataclasses.asdict(manifest)}
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()


def read(data: bytes) -> Manifest:
    """Return a manifest. Raises BackupError, which names the field."""
    try:
        found = json.loads(data)
    except ValueError:
        raise BackupError(f"{MANIFEST} of the backup is no JSON") from None
    if not isinstance(found, dict) or "skerry_backup" not in found:
        raise BackupError("it is no backup of a hub")
    if found["skerry_backup"] != FORMAT:
        raise BackupError(
            f"its form is {str(found['skerry_backup'])[:20]!r}, this hub reads {FORMAT}: "
            "restore it with the version that made it, or a newer one"
        )
    text = {name: _text(found, name) for name in ("made_at", "made_by", "schema", "hub")}
    ca = found.get("ca")
    if ca is not None and not isinstance(ca, str):
        raise _wrong("ca")
    return Manifest(
        **text,
        order_key=_text(found, "order_key"),
        ca=ca,
        parts=_parts(found.get("parts")),
        rows=_numbers(found, "rows"),
        numbers=_numbers(found, "numbers"),
    )


def limit_of(name: str) -> int:
    """Return how large a member may be. Raises BackupError for one that no backup has."""
    if name == MANIFEST:
        return MOST_MANIFEST_BYTES
    if name.startswith(FILES_AT) and any(name == FILES_AT + one.name for one in FILES):
        return MOST_FILE_BYTES
    if name.startswith(TABLES_AT) and _TABLE.fullmatch(name.removeprefix(TABLES_AT)):
        return MOST_TABLE_BYTES
    raise BackupError(f"it has a part {name[:80]!r}, which no backup has")


def compared(manifest: Manifest, found: Mapping[str, Part]) -> None:
    """See whether the archive has exactly what its manifest says. Raises BackupError."""
    said = {one.name: one for one in manifest.parts}
    for name in sorted(said.keys() | found.keys()):
        if name not in found:
            raise BackupError(f"the part {name} is missing")
        if name not in said:
            raise BackupError(f"the part {name} is not in its manifest")
        if said[name] != found[name]:
            raise BackupError(f"the part {name} is damaged: its digest is another")
    for one in FILES:
        if one.required and FILES_AT + one.name not in found:
            raise BackupError(f"{one.name} is missing, which {one.words}")


def _parts(found: Any) -> tuple[Part, ...]:
    if not isinstance(found, list):
        raise _wrong("parts")
    parts = []
    for one in found:
        fields = one if isinstance(one, dict) else {}
        size = fields.get("size_bytes")
        digest = _text(fields, "sha256")
        if not isinstance(size, int) or size < 0 or _DIGEST.fullmatch(digest) is None:
            raise _wrong("parts")
        parts.append(Part(name=_text(fields, "name"), size_bytes=size, sha256=digest))
    if len({one.name for one in parts}) != len(parts):
        raise _wrong("parts")
    return tuple(parts)


def _numbers(found: Mapping[str, Any], name: str) -> dict[str, int]:
    numbers = found.get(name)
    if not isinstance(numbers, dict) or any(
        not isinstance(one, int) or one < 0 for one in numbers.values()
    ):
        raise _wrong(name)
    return numbers


def _text(found: Mapping[str, Any], name: str) -> str:
    text = found.get(name)
    if not isinstance(text, str) or len(text) > 500:
        raise _wrong(name)
    return text


def _wrong(name: str) -> BackupError:
    return BackupError(f"{MANIFEST} of the backup: the field {name} is wrong")
