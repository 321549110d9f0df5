"""What a wait that ran out of time still waits for: a line for each instance, with its reason."""

import dataclasses

import pytest
from tests.cli.samples import BROKEN, DEGRADED, INSTANCE

from skerry_cli.awaited import MOST, awaited
from skerry_cli.records import Workload, read
from skerry_cli.rollout_records import RolloutDetail
from skerry_wire.codec import to_plain

ROLLOUT = {"workload": "shop-web", "number": 2, "cause": "apply", "strategy": "rolling",
           "state": "progressing"}  # fmt: skip


def workload(*instances, wanted=None):
    wanted = len(instances) if wanted is None else wanted
    view = dataclasses.replace(DEGRADED, instances=instances, placed=len(instances), wanted=wanted)
    return read(Workload, to_plain(view, nulls=True))


def update(state, reason="", instance="shop-web-0"):
    one = {"instance": instance, "node": "box-1", "hostname": "quay", "state": state}
    return read(RolloutDetail, {"rollout": ROLLOUT, "instances": [{**one, "reason": reason}]})


OLD = dataclasses.replace(INSTANCE, current=False)


@pytest.mark.parametrize(
    ("instances", "detail", "lines"),
    [
        ((INSTANCE,), None, []),
        ((INSTANCE, BROKEN), None,
         ["  shop-web-1 on pier (box-2): failed at an older revision: "
          "image localhost/web:2 cannot be pulled"]),
        ((OLD,), None, ["  shop-web-0 on quay (box-1): running at an older revision"]),
        ((OLD,), update("held", "the file /run/hold is there"),
         ["  shop-web-0 on quay (box-1): running at an older revision; "
          "its update is held back: the file /run/hold is there"]),
        ((OLD,), update("waiting"),
         ["  shop-web-0 on quay (box-1): running at an older revision; its update is not begun"]),
        ((INSTANCE,), update("failed", "it is unhealthy: http 503"),
         ["  shop-web-0 on quay (box-1): its update is failed: it is unhealthy: http 503"]),
        ((dataclasses.replace(INSTANCE, health="starting", reason="no answer yet"),), None,
         ["  shop-web-0 on quay (box-1): starting: no answer yet"]),
    ],
)  # fmt: skip
def test_each_instance_that_is_not_as_it_shall_be(instances, detail, lines):
    assert awaited(workload(*instances), detail) == lines


def test_what_found_no_node_is_counted():
    assert awaited(workload(INSTANCE, wanted=3), None) == [
        "  2 of 3 found no node: skerry explain shop-web"
    ]


def test_not_all_of_many_are_named():
    many = (dataclasses.replace(BROKEN, id=f"shop-web-{n}") for n in range(MOST + 5))
    lines = awaited(workload(*many), None)
    assert len(lines) == MOST + 1
    assert lines[-1] == "  and 5 more: skerry describe workload shop-web"
