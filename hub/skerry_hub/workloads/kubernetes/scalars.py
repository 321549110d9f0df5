"""What a scalar without quotes is for Kubernetes: a text, a boolean or a number. Pure.

kubectl makes JSON of YAML 1.1, and an API server refuses a number or a boolean where it wants a
text, and a text where it wants those. So do these readers: what is taken here is taken there.
https://yaml.org/type/bool.html, int.html and float.html, as far as kubectl follows them (base 60
and dates are texts to it).
"""

from __future__ import annotations

import re

from skerry_hub.workloads.problems import RefusedError, under
from skerry_hub.workloads.reading import Value, attempt, entries, literal
from skerry_hub.workloads.yaml_tree import Mapping, Scalar

_WORDS = {
    **dict.fromkeys(("y", "yes", "true", "on"), True),
    **dict.fromkeys(("n", "no", "false", "off"), False),
}
_WHOLE = re.compile("0|[1-9][0-9]{0,17}")
_NUMBER = re.compile(
    r"""[-+]?(?:
        0[xX][0-9a-fA-F]+ | 0[bB][01]+ | 0[oO][0-7]+
        | (?:\.[0-9]+ | [0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?
        | \.(?:inf|Inf|INF)
    ) | \.(?:nan|NaN|NAN)""",
    re.VERBOSE,
)


def boolean_of(text: str) -> bool | None:
    """Return what a text without quotes says as a boolean; None where it is none."""
    if text not in (text.lower(), text.upper(), text.capitalize()):
        return None  # `yEs` is a text
    return _WORDS.get(text.lower())


def is_number(text: str) -> bool:
    """Say whether a text without quotes is a number. `1_000` is one, `1:30` and a date are none."""
    if not text or text[0] not in "-+.0123456789":
        return False
    digits = text if text[0] == "." else text.replace("_", "")
    return _NUMBER.fullmatch(digits) is not None


def string(value: Value) -> str:
    """Read a text as it is written, which is none without quotes where it is a number or boolean.

    It is not quoted in the reason: it may be a password.
    """
    found = literal(value)
    if not is_plain(value):
        return found
    if boolean_of(found) is not None:
        raise RefusedError("must be a text, and is a boolean without quotes: write it in quotes")
    if is_number(found):
        raise RefusedError("must be a text, and is a number without quotes: write it in quotes")
    return found


def check_keys(value: Value) -> None:
    """Note each key that is another text for a cluster: `on` is `true` there, `0x10` is `16`.

    Of the keys that people choose: labels, and the data of a ConfigMap.
    """
    if not isinstance(value.node, Mapping):
        return
    for key, entry in value.node.entries.items():
        is_other = boolean_of(key) is not None or (is_number(key) and not _WHOLE.fullmatch(key))
        if entry.plain and is_other:
            reason = "is a boolean or a number as a key without quotes: write it in quotes"
            value.problems.add(reason, under(value.field, key), entry.line)


def strings(value: Value) -> dict[str, str]:
    """Read texts by key, of which one without a value is empty; each wrong one is noted."""
    check_keys(value)
    return {
        key: "" if entry.is_null else attempt(entry, string) or "" for key, entry in entries(value)
    }


def unquoted(value: Value, what: str) -> str:
    """Read what is no text; with quotes it would be one."""
    found = literal(value)
    if not is_plain(value):
        raise RefusedError(f"must be {what}, and is a text: write it without quotes")
    return found


def is_plain(value: Value) -> bool:
    """Say whether it stands there without quotes."""
    return isinstance(value.node, Scalar) and value.node.plain
