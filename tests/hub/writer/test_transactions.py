"""A draft becomes one transaction, or nothing of it is."""

import pytest
from tests.hub.records import NOW, node, workload
from tests.hub.rig import Rig

from skerry_hub import desired
from skerry_hub.state import Draft


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path)  # not started: the test is the writer
    draft = Draft(rig.service.known)
    draft.nodes.put("box-1", node())
    rig.service._transactions.commit(draft, NOW)
    rig.service._heard.report("box-1", retained=False)
    yield rig
    rig.store.close()


def settled(rig, replicas, is_wanted=True):
    """Settle an apply; return what is wrong with its orders."""

    def change(work):
        desired.apply(work, [workload(replicas=replicas)], prune=False)
        return is_wanted

    return rig.service._transactions.settle(change)


def test_what_is_wanted_is_durable_with_its_orders(rig):
    assert settled(rig, 2) == {}
    assert len(rig.store.load().assignments) == 2
    assert [one.publication.topic for one in rig.store.outbox()] == ["skerry/v1/nodes/box-1/order"]
    assert len(rig.service.columns.assigned("box-1")) == 2


@pytest.mark.parametrize(("replicas", "is_wanted"), [(513, True), (2, False)])
def test_what_fits_no_order_or_is_not_wanted_leaves_no_trace(rig, replicas, is_wanted):
    failures = settled(rig, replicas, is_wanted)
    assert ["does not fit" in one for one in failures.values()] == [True] * is_wanted
    assert rig.store.load().workloads == {}
    assert rig.service.columns.assigned("box-1") == ()
    assert rig.store.outbox() == []
