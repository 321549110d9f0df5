"""`skerry rollout`, and what plans and applies tell of rollouts."""

import dataclasses
import json

import pytest
from tests.cli.canned import Answers
from tests.cli.samples import DETAIL, EXPLANATION, WORKLOAD, ago

from skerry_hub.rollout.records import RolledBack
from skerry_hub.rollout.views import (
    InstanceUpdateView,
    RevisionDetail,
    RevisionView,
    RolloutDetail,
    RolloutPlan,
    RolloutView,
    WaveView,
)
from skerry_hub.views import PlanView, WantedRevision, WorkloadDetail

GOING = RolloutView(
    workload="shop-web",
    number=3,
    revision="1234567890abcdef",
    cause="apply",
    strategy="rolling",
    state="progressing",
    reason="2 at work; 4 waiting, 2 at once",
    total=8,
    done=1,
    updating=2,
    waiting=4,
    failed=0,
    held=1,
    at_once=2,
    undone_to=2,
    started_at=ago(90),
)
PAUSED = dataclasses.replace(
    GOING, state="paused", reason="1 of 8 failed: shop-web-4 (went back)", failed=1, updating=1
)
DONE = dataclasses.replace(
    GOING, state="done", reason="", done=8, updating=0, waiting=0, held=0, undone_to=0
)
HELD = InstanceUpdateView(
    instance="shop-web-2", node="box-2", hostname="pier", state="held", reason="locked"
)
FAILED = InstanceUpdateView(
    instance="shop-web-4", node="box-4", hostname="quay", state="failed", reason="went back"
)
REVISIONS = [
    RevisionView(
        number=3,
        revision="1234567890abcdef",
        at=ago(90),
        cause="undo",
        back_to=1,
        images=("localhost/web:1",),
        changes=("containers.0.image: localhost/web:2 -> localhost/web:1",),
        instances=8,
    ),
    RevisionView(number=2, revision="fedcba0987654321", at=ago(7200), cause="apply"),
]
BACK = dataclasses.replace(
    DONE, number=4, cause="rollback", rolled_back=RolledBack(number=3, to=2, reason="1 of 8 failed")
)
PATH = "/api/v1/workloads/shop-web"
STATUS = f"GET {PATH}/rollout"


def detail(rollout=GOING, *instances, more=0):
    return RolloutDetail(rollout=rollout, instances=instances, more=more)


def test_the_status_of_one_that_goes_on(hub, skerry):
    hub.answers[STATUS] = detail(GOING, HELD, more=6)
    done = skerry("rollout", "status", "shop-web")
    assert (
        done.out
        == """\
shop-web revision 3 progressing, 1 of 8 done, 2 updating, 1 held back, 4 waiting
  INSTANCE     NODE           STATE   REASON
  shop-web-2   pier (box-2)   held    locked
  and 6 instances more
"""
    )
    assert done.err == "2 at work; 4 waiting, 2 at once\n"


def test_the_status_of_a_paused_one_is_an_error_and_says_what_to_do(hub, skerry):
    hub.answers[STATUS] = detail(PAUSED, FAILED)
    done = skerry("rollout", "status", "shop-web", code=1)
    assert "paused, 1 of 8 done" in done.out
    assert "1 of 8 failed: shop-web-4 (went back)" in done.out
    assert "skerry rollout undo shop-web (to revision 2)" in done.err


def test_one_that_is_done_with_failures_is_an_error(hub, skerry):
    hub.answers[STATUS] = detail(dataclasses.replace(DONE, failed=1))
    skerry("rollout", "status", "shop-web", code=1)
    hub.answers[STATUS] = detail(DONE)
    skerry("rollout", "status", "shop-web")


def test_what_was_rolled_back_is_an_error_and_says_which_failed_and_why(hub, skerry):
    hub.answers[STATUS] = detail(BACK)
    done = skerry("rollout", "status", "shop-web", code=1)
    told = "revision 3 failed and was rolled back to revision 2: 1 of 8 failed"
    assert done.out == f"shop-web revision 4 done, 8 of 8 done; {told}\n"
    hub.answers["GET /api/v1/rollouts"] = [BACK]
    assert told in skerry("rollout", "list").out


def test_it_is_followed_through_its_rollback(hub, skerry):
    hub.answers[STATUS] = Answers(
        detail(dataclasses.replace(PAUSED, rolls_back=True)), detail(BACK)
    )
    done = skerry("rollout", "status", "shop-web", "-w", "--timeout", "10s", code=1)
    assert "revision 4 done" in done.out


def test_it_is_followed_until_it_is_done(hub, skerry):
    looks = []

    def look(_asked):
        looks.append(1)
        hub.change()
        return [detail(GOING), detail(GOING), detail(GOING), detail(DONE)][min(len(looks), 4) - 1]

    hub.answers[STATUS] = look
    done = skerry("rollout", "status", "shop-web", "-w", "--timeout", "10s")
    lines = done.out.splitlines()
    assert [line.split()[3] for line in lines] == ["progressing,", "done,"]


def test_it_is_followed_no_longer_than_it_may_take(hub, skerry):
    hub.answers[STATUS] = detail(GOING)
    done = skerry("rollout", "status", "shop-web", "-w", "--timeout", "300ms", code=4)
    assert "is not done after 0s; last seen: 1 of 8 done" in done.err


def test_a_workload_that_there_is_not_is_said_at_once(skerry):
    assert "there is no" in skerry("rollout", "status", "ghost", "-w", code=1).err


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_it_is_paused_and_resumed(hub, skerry, verb):
    hub.answers[f"POST {PATH}/rollout/{verb}"] = detail(PAUSED)
    assert "shop-web revision 3 paused" in skerry("rollout", verb, "shop-web").out


def test_it_is_undone_and_waited_for(hub, skerry):
    hub.answers |= {
        f"POST {PATH}/rollout/undo": PlanView(updated=("shop-web",)),
        f"GET {PATH}": DETAIL,
    }
    done = skerry("rollout", "undo", "shop-web", "--to", "2", "--wait")
    assert done.out == "workload/shop-web updated\nworkload/shop-web is running\n"
    assert hub.asked[0].body == {"to": 2}
    skerry("rollout", "undo", "shop-web")
    assert hub.asked[-1].body == {}


def test_rollouts_are_listed(hub, skerry):
    hub.answers["GET /api/v1/rollouts"] = [GOING]
    assert (
        skerry("rollout", "list").out
        == """\
WORKLOAD   REVISION   STATE         DONE   AGE   REASON
shop-web   3          progressing   1/8    90s   2 at work; 4 waiting, 2 at once
"""
    )
    assert json.loads(skerry("rollout", "list", "-o", "json").out)["items"][0]["number"] == 3
    hub.answers["GET /api/v1/rollouts"] = []
    assert skerry("rollout", "list").err == "no workload has a rollout\n"


def test_a_history_is_shown(hub, skerry):
    hub.answers[f"GET {PATH}/revisions"] = REVISIONS
    rows = [line.split() for line in skerry("rollout", "history", "shop-web").out.splitlines()]
    assert rows[1] == ["3", "1234567890ab", "90s", "undo", "to", "1", "8", "localhost/web:1", "1"]
    assert rows[2][:4] == ["2", "fedcba098765", "2h", "apply"] or rows[2][2] == "120m"


def test_one_revision_is_shown_with_what_it_changed(hub, skerry):
    hub.answers[f"GET {PATH}/revisions/3"] = RevisionDetail(
        revision=REVISIONS[0], content=DETAIL.content, undo_changes=("a: 1 -> 2",)
    )
    done = skerry("rollout", "history", "shop-web", "--revision", "3")
    assert "  ~ containers.0.image: localhost/web:2 -> localhost/web:1\n" in done.out
    assert "  ~ a: 1 -> 2\n" in done.out
    whole = json.loads(
        skerry("rollout", "history", "shop-web", "--revision", "3", "-o", "json").out
    )
    assert whole["content"]["name"] == DETAIL.content.name


PLANS = [
    (
        {"strategy": "rolling", "waves": (WaveView(value="", instances=8),)},
        ["replaces 8 instances in 4 waves, 2 at once"],
    ),
    (
        {
            "strategy": "canary",
            "canary": 1,
            "canary_pauses": True,
            "wave_by": "site",
            "waves": (WaveView(value="quay", instances=6), WaveView(value="", instances=2)),
        },
        [
            "canary: 1 instance first, then it pauses",
            "replaces 8 instances in 4 waves, 2 at once",
            "by site, one after the other: quay (6), without it (2)",
        ],
    ),
    (
        {"strategy": "blue-green"},
        ["blue-green: a second set is placed beside the first, which ends when all of it runs"],
    ),
    ({"strategy": "at-once"}, []),
]


@pytest.mark.parametrize(("fields", "told"), PLANS)
def test_a_plan_tells_how_it_will_go(hub, skerry, fields, told):
    rollout = RolloutPlan(workload="shop-web", instances=8, at_once=2, **fields)
    hub.answers["POST /api/v1/plan"] = PlanView(updated=("shop-web",), rollouts=(rollout,))
    lines = skerry("plan", "-f", "-", data="services: {}\n").out.splitlines()
    assert lines == [
        "workload/shop-web will be updated",
        *(f"  {one}" for one in told),
        "no instance changes",
    ]


def with_rollout(rollout, **fields):
    workload = dataclasses.replace(WORKLOAD, rollout=rollout, **fields)
    return WorkloadDetail(workload=workload, content=DETAIL.content)


def applied(hub, *details):
    hub.answers |= {
        "POST /api/v1/apply": PlanView(
            updated=("shop-web",), revisions=(WantedRevision(workload="shop-web", number=3),)
        ),
        f"GET {PATH}": Answers(*details),
    }


def test_an_apply_that_waits_ends_where_its_rollout_pauses(hub, skerry):
    applied(hub, with_rollout(PAUSED, state="progressing"))
    done = skerry("apply", "-f", "-", "--wait", data="services: {}\n", code=1)
    assert "its rollout is paused: 1 of 8 failed" in done.err
    assert "skerry rollout status shop-web" in done.err


def test_an_apply_that_waits_does_not_wait_for_nodes_that_are_away(hub, skerry):
    behind = dataclasses.replace(DONE, done=6, behind=2, reason="2 of 8 follow later: why")
    applied(hub, with_rollout(behind, state="progressing", wanted=8, current=6))
    words = ("apply", "-f", "-", "--wait")
    # A hub that does not tell of each has told the reason of the whole.
    told = skerry(*words, data="services: {}\n").err
    assert told == "shop-web: 2 of 8 follow later: why\n"
    later = [
        dataclasses.replace(HELD, instance=f"shop-web-{n}", state="behind", reason=why)
        for n, why in enumerate(("its node is lost", "the box's policy cannot be used: line 3"))
    ]
    hub.answers[STATUS] = detail(behind, *later)
    told = skerry(*words, data="services: {}\n").err
    assert told == (
        "2 of 8 instances follow later: shop-web-0 on pier (box-2): its node is lost; "
        "shop-web-1 on pier (box-2): the box's policy cannot be used: line 3\n"
    )
    hub.answers[STATUS] = detail(behind, later[0], more=1)
    told = skerry(*words, data="services: {}\n").err
    assert told.endswith("is lost; and 1 more: skerry rollout status shop-web\n")


def test_an_apply_that_waits_ends_when_those_that_found_a_node_are_updated(hub, skerry):
    later = dataclasses.replace(DONE, done=6, behind=2, reason="2 of 8 follow later: why")
    steps = RolloutPlan(workload="shop-web", strategy="rolling", instances=8, at_once=2)
    plan = PlanView(updated=("shop-web",), unplaced=(EXPLANATION,), rollouts=(steps,))
    looks = Answers(
        with_rollout(GOING, state="progressing"),
        with_rollout(later, state="progressing", wanted=10, current=6),
    )

    def look(_asked):
        hub.change()
        return looks.next()

    words = ("apply", "-f", "-", "--wait", "--timeout", "20s")
    hub.answers |= {"POST /api/v1/apply": plan, f"GET {PATH}": look}
    done = skerry(*words, data="services: {}\n", code=3)
    assert done.err.endswith("shop-web: 2 of 8 follow later: why\n")
    assert done.out.endswith("workload/shop-web is updated where it found a node\n")
    # Of a new one nothing is waited for.
    hub.answers["POST /api/v1/apply"] = PlanView(created=("shop-web",), unplaced=(EXPLANATION,))
    del hub.answers[f"GET {PATH}"]
    skerry(*words, data="services: {}\n", code=3)


def test_an_apply_that_waits_fails_where_it_is_rolled_back(hub, skerry):
    begins = with_rollout(dataclasses.replace(PAUSED, rolls_back=True), state="progressing")
    applied(hub)
    looks = Answers(begins, with_rollout(BACK))

    def look(_asked):
        hub.change()
        return looks.next()

    hub.answers[f"GET {PATH}"] = look
    words = ("apply", "-f", "-", "--wait", "--timeout", "10s")
    done = skerry(*words, data="services: {}\n", code=1)
    assert "is not running: rolled back to revision 2: 1 of 8 failed" in done.err
    assert "is running" not in done.out


def test_a_rollback_under_way_is_enough_to_fail(hub, skerry):
    going = dataclasses.replace(BACK, state="progressing", done=7, updating=1)
    applied(hub, with_rollout(going, state="progressing"))
    done = skerry("apply", "-f", "-", "--wait", data="services: {}\n", code=1)
    assert "revision 2 (progressing: 7 of 8 done, 1 updating): 1 of 8 failed" in done.err


def test_what_was_rolled_back_before_fails_no_later_apply(hub, skerry):
    applied(
        hub,
        with_rollout(dataclasses.replace(BACK, number=3, rolled_back=RolledBack(number=2, to=1))),
    )
    skerry("apply", "-f", "-", "--wait", data="services: {}\n")


def test_an_undo_that_finds_no_node_for_something_ends_as_an_apply_does(skerry, hub):
    hub.answers["POST /api/v1/workloads/shop-web/rollout/undo"] = PlanView(
        updated=("shop-web",), unplaced=(EXPLANATION,)
    )
    skerry("rollout", "undo", "shop-web", code=3)
