"""Single values of Kubernetes manifests. Nothing in them is replaced. Pure."""

from __future__ import annotations

import re
from decimal import Decimal

from skerry_hub.workloads.keys import Keys
from skerry_hub.workloads.kubernetes.scalars import boolean_of, string, unquoted
from skerry_hub.workloads.problems import RefusedError, short
from skerry_hub.workloads.reading import Reader, Section, Value, attempt, literal
from skerry_hub.workloads.units import MAX_BYTES, MAX_CPU_MILLI

_QUANTITY = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?)(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?")
_POWERS = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTP", start=1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTP", start=1)},
}
_WHOLE = re.compile(r"0|[1-9][0-9]{0,9}")
MAX_PIECES = 64
"""Most devices of one kind."""
_MODE = re.compile(r"0o?[0-7]{1,4}")
_REPLACED = re.compile(r"(?<!\$)\$\([A-Za-z_][A-Za-z0-9_.-]*\)")


def unreplaced(value: Value) -> str:
    """Read a text in which Kubernetes would put variables: none may be there, `$$` is `$`."""
    found = string(value)
    if _REPLACED.search(found):
        # The text is not quoted: it may hold a password.
        raise RefusedError("has a $(NAME), which is not replaced here: write the value")
    return found.replace("$$(", "$(")


def name(value: Value) -> str:
    """Read a text that is not empty."""
    found = string(value)
    if not found:
        raise RefusedError("is empty")
    return found


def flag(value: Value) -> bool:
    """Read true or false, or one of YAML 1.1's other words for them."""
    found = unquoted(value, "true or false")
    said = boolean_of(found)
    if said is None:
        raise RefusedError(f"must be true or false, not {short(found)}")
    return said


def count(low: int, high: int) -> Reader[int]:
    """Read a whole number within limits."""

    def read(value: Value) -> int:
        found = unquoted(value, "a whole number")
        if _WHOLE.fullmatch(found) is None or not low <= int(found) <= high:
            raise RefusedError(f"must be a whole number from {low} to {high}, not {short(found)}")
        return int(found)

    return read


def only(*words: str) -> Reader[str]:
    """Read one of a few words."""

    def read(value: Value) -> str:
        found = literal(value)
        if found not in words:
            raise RefusedError(f"must be {' or '.join(words)}, not {short(found)}")
        return found

    return read


def mode(value: Value) -> int:
    """Read the permissions of a file: `0400`, or Kubernetes' decimal 256."""
    found = unquoted(value, "a number like 0400")
    if _MODE.fullmatch(found):
        return int(found.replace("o", ""), 8) & 0o777
    if _WHOLE.fullmatch(found) and int(found) <= 0o777:
        return int(found)
    raise RefusedError(f"{short(found)} is not a mode like 0400")


def pieces(value: Value) -> int:
    """Read how many devices: a quantity, which may be a text."""
    found = literal(value)
    if _WHOLE.fullmatch(found) is None or not 1 <= int(found) <= MAX_PIECES:
        raise RefusedError(f"must be a whole number from 1 to {MAX_PIECES}, not {short(found)}")
    return int(found)


def _quantity(value: Value) -> Decimal:
    found = literal(value)
    match = _QUANTITY.fullmatch(found)
    if match is None:
        raise RefusedError(f"{short(found)} is not a quantity like 500m, 0.5 or 128Mi")
    return Decimal(match[1]) * _POWERS[match[2] or ""]


def cpu(value: Value) -> int:
    """Read processors, in thousandths: `500m`, `0.5`, `2`."""
    milli = _quantity(value) * 1000
    if milli != milli.to_integral_value() or not 1 <= milli <= MAX_CPU_MILLI:
        raise RefusedError(f"must be 1m to {MAX_CPU_MILLI // 1000}, in whole thousandths")
    return int(milli)


def size(value: Value) -> int:
    """Read bytes, at least one: `128Mi` is 1,024 times 1,024 times 128; `128M` decimal."""
    found = int(_quantity(value))
    if not 1 <= found <= MAX_BYTES:
        raise RefusedError("must be at least one byte, and not too many")
    return found


def one_of(value: Value, keys: Keys, words: tuple[str, ...]) -> tuple[Section, str] | None:
    """Read a mapping that has one of a few keys; None, and a problem, where it has not."""
    before = len(value.problems)
    section = attempt(value, lambda one: Section(one, keys))
    if section is None:
        return None
    given = [word for word in words if word in section]
    if len(given) == 1:
        return section, given[0]
    if len(value.problems) == before:  # else the one that is there is not supported
        value.refuse(f"must have one of {', '.join(words)}")
    return None
