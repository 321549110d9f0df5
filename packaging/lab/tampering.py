"""Ways to change something in a message: each takes it and a source of chance, and returns another.

What comes of it may by chance be the same message; whoever uses them looks.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Sequence

CHARACTERS = string.ascii_letters + string.digits + string.punctuation + " \t\r\n\0\x7f\u00e9\u2028"


def text(one: str, others: Sequence[str], chance: random.Random) -> str:
    """Return a text with something changed; `others` are good ones of the same kind."""
    return chance.choice(TEXT)(one, others, chance)


def data(one: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """Return bytes with something changed."""
    return chance.choice(DATA)(one, others, chance)


def _replaced(one: str, _others: Sequence[str], chance: random.Random) -> str:
    at = chance.randrange(len(one))
    return one[:at] + chance.choice(CHARACTERS) + one[at + 1 :]


def _inserted(one: str, _others: Sequence[str], chance: random.Random) -> str:
    at = chance.randrange(len(one) + 1)
    return one[:at] + chance.choice(CHARACTERS) + one[at:]


def _left_out(one: str, _others: Sequence[str], chance: random.Random) -> str:
    at = chance.randrange(len(one))
    return one[:at] + one[at + chance.randint(1, 3) :]


def _cut(one: str, _others: Sequence[str], chance: random.Random) -> str:
    return one[: chance.randrange(len(one))]


def _swapped(one: str, _others: Sequence[str], chance: random.Random) -> str:
    at = chance.randrange(len(one) - 1)
    return one[:at] + one[at + 1] + one[at] + one[at + 2 :]


def _other_case(one: str, _others: Sequence[str], chance: random.Random) -> str:
    at = chance.randrange(len(one))
    return one[:at] + one[at].swapcase() + one[at + 1 :]


def _mixed(one: str, others: Sequence[str], chance: random.Random) -> str:
    other, at = chance.choice(others), chance.randrange(len(one))
    return one[:at] + other[at:]


def _twice(one: str, others: Sequence[str], chance: random.Random) -> str:
    return one + chance.choice(["", "\n", " "]) + chance.choice([one, *others])


TEXT: tuple[Callable[[str, Sequence[str], random.Random], str], ...] = (
    _replaced, _inserted, _left_out, _cut, _swapped, _other_case, _mixed, _twice,
)  # fmt: skip


def _bit(one: bytes, _others: Sequence[bytes], chance: random.Random) -> bytes:
    changed = bytearray(one)
    changed[chance.randrange(len(one))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _byte(one: bytes, _others: Sequence[bytes], chance: random.Random) -> bytes:
    changed = bytearray(one)
    changed[chance.randrange(len(one))] = chance.randrange(256)
    return bytes(changed)


def _bytes_out(one: bytes, _others: Sequence[bytes], chance: random.Random) -> bytes:
    at = chance.randrange(len(one))
    return one[:at] + one[at + chance.randint(1, 8) :]


def _bytes_in(one: bytes, _others: Sequence[bytes], chance: random.Random) -> bytes:
    at = chance.randrange(len(one) + 1)
    return one[:at] + chance.randbytes(chance.randint(1, 8)) + one[at:]


def _of_another(one: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    other = chance.choice(others)
    start = chance.randrange(len(one))
    end = min(len(one), len(other), start + chance.randint(1, 128))
    return one[:start] + other[start:end] + one[end:]


def _cut_short(one: bytes, _others: Sequence[bytes], chance: random.Random) -> bytes:
    return one[: chance.randrange(len(one))]


DATA: tuple[Callable[[bytes, Sequence[bytes], random.Random], bytes], ...] = (
    _bit, _byte, _bytes_out, _bytes_in, _of_another, _cut_short,
)  # fmt: skip
