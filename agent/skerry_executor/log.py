"""One line on standard error for each thing worth knowing, as `key=value` pairs.

May NOT be given values of a container's environment, commands or whole orders: only names, ids,
generations and reasons. A line that cannot be written is lost: a full disk must end no workload.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Literal

MAX_VALUE = 400


def log(
    level: Literal["debug", "info", "warning", "error"],
    msg: str,
    **fields: str | int | float | None,
) -> None:
    """Write one line, if that can be; fields that are None are left out. Raises nothing."""
    pairs = [f"level={level}", f"msg={_value(msg)}"]
    pairs += [f"{name}={_value(value)}" for name, value in fields.items() if value is not None]
    _write(" ".join(pairs) + "\n")


def _write(line: str) -> None:
    if sys.stderr is None:
        return  # it was closed at the start; by now its number may be that of a socket
    # Not by way of a buffer: what a full disk did not take would fail again at the end of the
    # process, and be its exit status.
    with contextlib.suppress(OSError, ValueError):
        os.write(sys.stderr.fileno(), line.encode(errors="backslashreplace"))


def _value(value: str | int | float) -> str:
    text = str(value)
    if len(text) > MAX_VALUE:
        text = text[: MAX_VALUE - 3] + "..."
    plain = text.isprintable() and text and not any(c in text for c in ' "=')
    return text if plain else json.dumps(text, ensure_ascii=False)
