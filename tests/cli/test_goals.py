"""Several workloads that are waited for together: one that fails, one that waits, one that runs."""

import dataclasses

from tests.cli.canned import Answers
from tests.cli.samples import DEGRADED_DETAIL, DETAIL, INSTANCE

from skerry_hub.views import PlanView
from skerry_wire.lifecycle import JobStatus
from skerry_wire.messages import InstanceState

FILE = "services: {}\n"
NAMES = ("shop-crash", "shop-report", "shop-web")


def with_one(name, state, workload_state, told=None, reason=None):
    """Return the hub's answer about a workload with one instance."""
    instance = dataclasses.replace(
        INSTANCE, id=f"{name}-0", workload=name, state=InstanceState(state), job=told, reason=reason
    )
    runs = int(state == "running")
    view = dataclasses.replace(
        DETAIL.workload, name=name, state=workload_state, running=runs, current=runs,
        instances=(instance,),
    )  # fmt: skip
    return dataclasses.replace(DETAIL, workload=view)


CRASH = with_one("shop-crash", "failed", "degraded", reason="crash loop back-off of 3 min: exit 3")
RUN = with_one("shop-report", "running", "running", JobStatus(runs=1, attempts=1))
WEB, DEGRADED = DETAIL, DEGRADED_DETAIL
GAVE_UP = with_one(
    "shop-report", "failed", "degraded", JobStatus(runs=1, attempts=4, succeeded=False), "exit 3"
)


def awaits(hub, *looks):
    """Let the hub tell at each look how the three workloads are; each look is a change."""
    hub.answers["POST /api/v1/apply"] = PlanView(created=NAMES)
    for name, told in zip(NAMES, map(Answers, *looks), strict=True):

        def look(_asked, told=told):
            hub.change()
            return told.next()

        hub.answers[f"GET /api/v1/workloads/{name}"] = look


def apply(skerry, timeout, code):
    return skerry("apply", "-f", "-", "--wait", "--timeout", timeout, data=FILE, code=code).err


def test_a_job_that_gives_up_after_it_ran_ends_the_wait_though_others_are_awaited(skerry, hub):
    awaits(hub, (CRASH, RUN, WEB), (CRASH, GAVE_UP, WEB))
    assert apply(skerry, "20s", 1).splitlines() == [
        "skerry: workload/shop-report is not running: degraded, 0 of 1 running",
        "skerry:   shop-report-0 on quay (box-1): failed: exit 3",
        "skerry: workload/shop-crash is not running yet: degraded, 0 of 1 running",
        "skerry:   shop-crash-0 on quay (box-1): failed: crash loop back-off of 3 min: exit 3",
    ]


def test_what_ran_for_a_moment_only_is_named_at_the_time_out(skerry, hub):
    runs = with_one("shop-crash", "running", "running")
    awaits(hub, (runs, RUN, DEGRADED), (CRASH, RUN, DEGRADED))
    err = apply(skerry, "1s", 4)
    assert "shop-crash-0 on quay (box-1): failed: crash loop back-off" in err
    assert "shop-web-1 on pier (box-2): failed at an older revision" in err
    assert "shop-report" not in err


def test_all_that_are_reached_at_one_look_end_the_wait(skerry, hub):
    awaits(hub, (CRASH, RUN, WEB), (with_one("shop-crash", "running", "running"), RUN, WEB))
    assert apply(skerry, "20s", 0) == ""


def test_a_wait_says_which_run_the_former_revision(skerry, hub):
    old = [
        dataclasses.replace(INSTANCE, id=f"shop-web-{number}", current=number == 2)
        for number in range(3)
    ]
    view = dataclasses.replace(
        WEB.workload, state="progressing", wanted=3, running=3, current=1, instances=tuple(old)
    )
    hub.answers["GET /api/v1/workloads/shop-web"] = dataclasses.replace(WEB, workload=view)
    hub.answers["POST /api/v1/apply"] = PlanView(updated=("shop-web",))
    assert "last seen: progressing, 1 of 3 at the new revision, 2 run the former" in apply(
        skerry, "300ms", 4
    )
