"""Plain data: maps, lists and scalars as msgpack and JSON have them. JSON has no bytes."""

from __future__ import annotations

import base64
from typing import Any

from skerry_wire.errors import WireError


def depth_over(value: Any, most: int) -> bool:
    """Say whether plain data nests deeper than `most`; does not recurse."""
    level = [value]
    for _ in range(most + 1):
        deeper: list[Any] = []
        for element in level:
            if type(element) is dict:
                deeper.extend(element.values())
            elif type(element) is list:
                deeper.extend(element)
        if not deeper:
            return False
        level = deeper
    return True


def from_base64(text: str) -> bytes:
    """Return the bytes for which a text of JSON stands. Raises WireError."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise WireError("", "must be bytes, or a text in base64") from None


def for_json(value: Any) -> str:
    """Return what stands in JSON for a value that it does not have: bytes."""
    if type(value) is not bytes:
        raise TypeError(f"JSON has nothing for a {type(value).__name__}")
    return base64.b64encode(value).decode()
