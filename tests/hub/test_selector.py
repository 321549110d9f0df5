"""Label selectors as a table of kubectl's meanings."""

import pytest

from skerry_hub.selector import MOST_TERMS, SelectorError, fits, parse

LABELS = {"site": "quay-3", "tier": "", "kubernetes.io/arch": "amd64"}


@pytest.mark.parametrize(
    ("text", "fit"),
    [
        (None, True),
        ("", True),
        ("  ", True),
        ("site=quay-3", True),
        ("site==quay-3", True),
        ("site=quay-4", False),
        ("site!=quay-4", True),
        ("site!=quay-3", False),
        ("none!=x", True),
        ("none=x", False),
        ("site", True),
        ("none", False),
        ("!none", True),
        ("!site", False),
        ("tier=", True),
        ("tier", True),
        ("kubernetes.io/arch=amd64", True),
        ("site=quay-3,!none, tier", True),
        ("site=quay-3,none", False),
    ],
)
def test_meaning(text, fit):
    assert fits(parse(text), LABELS) is fit


@pytest.mark.parametrize(
    "text",
    [
        "=x",
        "site = quay-3",
        "a=b=c",
        "!a=b",
        "!a!=b",
        "a in (b)",
        ",",
        "a,,b",
        "a>1",
        "-a",
        "a" * 300,
        "a=\n,=",
        "é",
    ],
)
def test_what_is_none_is_refused_and_named(text):
    with pytest.raises(SelectorError) as raised:
        parse(text)
    assert "neither" in str(raised.value)
    assert len(str(raised.value)) < 250


def test_there_may_be_so_many_conditions_and_no_more():
    assert len(parse(",".join(["a"] * MOST_TERMS))) == MOST_TERMS
    with pytest.raises(SelectorError, match="more than"):
        parse(",".join(["a"] * (MOST_TERMS + 1)))
