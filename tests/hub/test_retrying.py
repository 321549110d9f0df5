"""What gives workloads that found no place another chance."""

import pytest
from tests.hub.records import kept_document, work_on, workload

from skerry_hub import desired
from skerry_hub.documents import Policy, Prices, Reservation, Window
from skerry_hub.retrying import by_distance, in_force
from skerry_hub.state import Known
from skerry_hub.terms import Latency, Placement

DOCUMENTS = (
    Window(name="once", start=100, duration_s=50),
    Window(name="daily", start=100, duration_s=50, repeats="daily"),
    Reservation(name="always", selector="a=b"),
    Reservation(name="later", selector="a=b", start=120, end=130),
    Policy(name="any"),
    Prices(name="any"),
)


@pytest.mark.parametrize(
    ("now", "names"),
    [
        (0, "always"),
        (100, "always daily once"),
        (120, "always daily later once"),
        (130, "always daily once"),
        (150, "always"),
        (86_520, "always daily"),
    ],
)
def test_what_is_in_force(now, names):
    found = in_force(map(kept_document, DOCUMENTS), now)
    assert sorted(name for _, name in found) == names.split()


def test_who_waits_for_a_distance_has_a_limit_of_one():
    def load(name, **term):
        near = Latency(to="endpoint", name="erp", **term)
        return workload(name, placement=Placement(latency=(near,)))

    work = work_on(Known())
    desired.apply(
        work, [load("a-must", max_ms=5), load("a-wish", weight=5), workload("a-any")], prune=False
    )
    assert by_distance(work.draft, ["a-any", "a-gone", "a-must", "a-wish"]) == ["a-must"]
