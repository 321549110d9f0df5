"""Hardware of many boxes out of plain data: what is alike is read, and kept, once. Pure."""

from __future__ import annotations

from typing import Any

import orjson

from skerry_wire import codec, schema
from skerry_wire.errors import WireError
from skerry_wire.hardware import Hardware

HARDWARE_KEYS = frozenset(field.key for field in schema.fields_of(Hardware))
UNKNOWN = "is not a field that this version knows"
MOST_SHARED = 100_000
"""Parts that are kept to be shared by boxes that have the same."""


class HardwareReader:
    """Reads hardware part by part; parts that are alike are read, and kept, once.

    `strict` refuses unknown keys; a newer agent may say more than this version knows.
    """

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._fields = tuple(
            (field.name, field.key, schema.reader(field.type, strict))
            for field in schema.fields_of(Hardware)
        )
        self._shared: dict[tuple[str, bytes], Any] = {}

    def read(self, plain: Any) -> Hardware:
        """Return the hardware that plain data says. Raises WireError."""
        if not isinstance(plain, dict):
            raise WireError("", "must be an object")
        other = next((key for key in plain if key not in HARDWARE_KEYS), None)
        if self._strict and other is not None:
            raise WireError(other[:80], UNKNOWN)
        values: dict[str, Any] = {}
        for name, key, read in self._fields:
            if key in plain:
                values[name] = self._part(key, plain[key], read)
        return Hardware(**values)

    def _part(self, key: str, plain: Any, read: schema.Check) -> Any:
        try:
            text = key, orjson.dumps(plain)
        except (TypeError, ValueError):
            raise WireError(key, "holds what cannot be written again") from None
        if text in self._shared:
            return self._shared[text]
        try:
            value = read(plain)
        except WireError as error:
            raise error.under(key) from None
        if len(self._shared) < MOST_SHARED:
            self._shared[text] = value
        return value

    def revision(self, hardware: Hardware) -> str:
        """Return the digest of the content, as an agent works it out."""
        return codec.revision_of(hardware)
