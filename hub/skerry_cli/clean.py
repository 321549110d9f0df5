"""Makes text from elsewhere harmless to a terminal. Pure."""

from __future__ import annotations

import unicodedata

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Controls, formats (which turn the direction of writing), surrogates, line separators."""


def clean(text: str) -> str:
    """Return the text with everything that a terminal would act upon made visible."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(character) for character in text)


def clean_json(text: str) -> str:
    """Return JSON of the same meaning, in which such characters are escaped.

    They can only stand inside of strings, except for the line feeds between them.
    """
    if text.isascii():
        return text
    return "".join(
        character if character == "\n" or not _unsafe(character) else _json_escape(character)
        for character in text
    )


def _unsafe(character: str) -> bool:
    return unicodedata.category(character) in _UNSAFE


def _visible(character: str) -> str:
    if not _unsafe(character):
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def width(text: str) -> int:
    """Return how many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_cell_width, text))


def _cell_width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
