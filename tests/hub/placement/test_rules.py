"""Documents as placement has them: by what they are, and by name."""

from hypothesis import given
from hypothesis import strategies as st

from skerry_hub.documents import Dataset, Endpoint, Policy, Prices, Reservation, Window
from skerry_hub.placement.rules import NO_RULES, Rules, rules_of

DOCUMENTS = (
    Policy(name="b"),
    Policy(name="a"),
    Prices(name="20-cloud"),
    Prices(name="10-all"),
    Dataset(name="maps", size_bytes=1),
    Endpoint(name="erp", host="erp.example", port=443),
    Reservation(name="a", selector="x"),
    Window(name="w2", start=1.0, duration_s=1.0),
    Window(name="w1", start=1.0, duration_s=1.0),
)


@given(st.permutations(DOCUMENTS), st.integers(-5, 5))
def test_documents_are_by_sort_and_name_whatever_their_order(documents, version):
    found = rules_of(documents, version)
    assert [one.name for one in found.policies] == ["a", "b"]
    assert [one.name for one in found.prices] == ["10-all", "20-cloud"]
    assert [one.name for one in found.windows] == ["w1", "w2"]
    assert [one.name for one in found.reservations] == ["a"]
    assert (set(found.datasets), set(found.endpoints)) == ({"maps"}, {"erp"})
    assert found == rules_of(DOCUMENTS, version)
    assert found.version == version


def test_no_documents_are_no_rules():
    assert rules_of([], 0) == Rules() == NO_RULES
