"""One line on standard error for each thing worth knowing, as `key=value` pairs.

May NOT be given values of a container's environment, commands or whole orders: only names, ids,
generations and reasons.
"""

from __future__ import annotations

import json
import sys
from typing import Literal

MAX_VALUE = 400


def log(
    level: Literal["debug", "info", "warning", "error"],
    msg: str,
    **fields: str | int | float | None,
) -> None:
    """Write one line; fields that are None are left out."""
    pairs = [f"level={level}", f"msg={_value(msg)}"]
    pairs += [f"{name}={_value(value)}" for name, value in fields.items() if value is not None]
    sys.stderr.write(" ".join(pairs) + "\n")
    sys.stderr.flush()


def _value(value: str | int | float) -> str:
    text = str(value)
    if len(text) > MAX_VALUE:
        text = text[: MAX_VALUE - 3] + "..."
    plain = text.isprintable() and text and not any(c in text for c in ' "=')
    return text if plain else json.dumps(text, ensure_ascii=False)
