"""What is wrong with the database, in words that repeat nothing secret."""

from __future__ import annotations


class StoreError(Exception):
    """The database cannot be used; the text says which and why, without its password."""


def reason_of(error: Exception) -> str:
    """Return what a database says is wrong, without the statement and its values."""
    return str(getattr(error, "orig", None) or error).strip().split("\n", 1)[0]
