"""The nodes that a document is about."""

import numpy as np
import pytest
from tests.hub.placement.boxes import GIB, fleet, node

from skerry_hub.placement.selection import chosen, is_chosen

COLUMNS = fleet(
    node("a", labels={"site": "quay"}, memory=8 * GIB),
    node("b", labels={"site": "quay"}, memory=2 * GIB),
    node("c", memory=8 * GIB),
    node("d", known=False),
)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ((), "abcd"),
        (("node.labels.site == quay",), "ab"),
        (("node.labels.site == quay", "node.hardware.memory.total_bytes >= 4GiB"), "a"),
        (("node.labels.site not exists",), "cd"),
        (("node.id == a", "node.id == b"), ""),
        (("node.labels.site ===",), ""),
        (("node.labels.site == quay", "what?"), ""),
    ],
)
def test_all_expressions_hold_on_the_nodes_that_are_meant(texts, expected):
    rows = COLUMNS.rows()
    found = chosen(COLUMNS, texts, rows).tolist()
    assert "".join(name for name, one in zip("abcd", found, strict=True) if one) == expected
    assert [is_chosen(COLUMNS, texts, row) for row in rows.tolist()] == found


def test_no_rows_are_asked_about():
    assert chosen(COLUMNS, ("node.id == a",), np.zeros(0, dtype=np.intp)).tolist() == []
