"""What a command says where it fails, in one form for all of them."""

from __future__ import annotations

import sys


def failed(error: Exception) -> int:
    """Say why; return the exit status: 2 where what was given is wrong (ValueError), else 1."""
    text = str(error)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        text = f"{where}{error.strerror or error}"
    print(f"skerry-hub: {text}", file=sys.stderr)
    return 2 if isinstance(error, ValueError) else 1
