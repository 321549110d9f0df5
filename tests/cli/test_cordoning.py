"""`skerry taint`, `cordon`, `uncordon` and `drain`, and how a cordoned node is shown."""

import dataclasses

import pytest
from tests.cli.canned import Answers, problems, unknown
from tests.cli.samples import DETAIL, EXPLANATION, INSTANCE, NODE, NODE_DETAIL, change

from skerry_hub import model, views

CORDON = model.Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")
KEEP_OFF = model.Taint(key="maintenance", value="true", effect="NoExecute")
TAINTED = dataclasses.replace(NODE, taints=(KEEP_OFF, CORDON))
MOVE = change("move", node="box-2", detail="from box-1: the node is drained")
STUCK = change("keep", "shop-db-0", detail="no other node takes it")
EXPLAINED = dataclasses.replace(EXPLANATION, workload="shop-db")

# --- taint ----------------------------------------------------------------------------------


def test_taints_are_given_and_taken(skerry, hub):
    hub.answers["POST /api/v1/nodes/quay/taints"] = TAINTED
    words = ("a=b:NoSchedule", "c:NoExecute", "d-", "e:NoSchedule-", "f=g:NoExecute-")
    done = skerry("taint", "node", "quay", *words)
    assert (done.out, done.err) == (f"node/box-1 {' '.join(words)}\n", "")
    assert hub.asked[-1].body == {
        "set": [
            {"key": "a", "value": "b", "effect": "NoSchedule"},
            {"key": "c", "value": "", "effect": "NoExecute"},
        ],
        "unset": [
            {"key": "d", "effect": None},
            {"key": "e", "effect": "NoSchedule"},
            {"key": "f", "effect": "NoExecute"},
        ],
    }


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["a=b"], "has no effect"),
        (["a"], "has no effect"),
        (["a=b:Never"], "must be one of NoSchedule, PreferNoSchedule, NoExecute"),
        ([":NoSchedule"], "names no key"),
        (["-"], "names no key"),
        (["a:NoSchedule", "a=b:NoSchedule"], "given twice"),
        (["a:NoSchedule", "a-"], "given twice"),
        (["a-", "a:NoSchedule"], "given twice"),
        ([], "Missing argument"),
    ],
)
def test_what_is_no_taint_is_wrong_usage(skerry, hub, words, reason):
    assert reason in skerry("taint", "node", "box-1", *words, code=2).err
    assert hub.asked == []


def test_one_key_may_have_both_effects(skerry, hub):
    hub.answers["POST /api/v1/nodes/quay/taints"] = TAINTED
    skerry("taint", "node", "quay", "a:NoSchedule", "a:NoExecute")


def test_a_taint_that_the_hub_refuses_is_wrong_usage(skerry, hub):
    refusal = {"reason": "the key 'A B' must be", "field": "set[0]"}
    hub.answers["POST /api/v1/nodes/quay/taints"] = problems(400, refusal)
    done = skerry("taint", "node", "quay", "A B:NoSchedule", code=2)
    assert (done.out, done.err) == ("", "skerry: set[0]: the key 'A B' must be\n")


# --- cordon and uncordon --------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["cordon", "uncordon"])
def test_nodes_are_cordoned_and_one_that_is_unknown_keeps_no_other_from_it(skerry, hub, verb):
    hub.answers[f"POST /api/v1/nodes/box-1/{verb}"] = NODE
    done = skerry(verb, "none", "box-1", "box-1", code=1)
    assert done.out == f"node/box-1 {verb}ed\n"
    assert done.err == "skerry: there is no cordon\n".replace("cordon", verb)
    assert len(hub.asked) == 2


def test_a_cordoned_node_is_shown_as_such(skerry, hub):
    hub.answers["GET /api/v1/nodes"] = [TAINTED]
    hub.answers["GET /api/v1/nodes/box-1"] = dataclasses.replace(NODE_DETAIL, node=TAINTED)
    assert " online,cordoned " in skerry("get", "nodes").out
    taints = f"{KEEP_OFF},{CORDON}"
    assert taints in skerry("get", "nodes", "-o", "wide").out
    told = skerry("describe", "node", "box-1").out
    assert "Cordoned:    nothing new comes here\n" in told
    assert f"Taints\n  {KEEP_OFF}\n  {CORDON}\n" in told


def test_a_node_without_taints_has_no_section_of_them(skerry, hub):
    hub.answers["GET /api/v1/nodes/box-1"] = NODE_DETAIL
    told = skerry("describe", "node", "box-1").out
    assert ("Taints" in told, "Cordoned" in told) == (False, False)


# --- drain ----------------------------------------------------------------------------------


def instance(node="box-2", **fields):
    return dataclasses.replace(INSTANCE, node=node, **fields)


def on_nodes(hub, before, after):
    """Answer what is on box-1 and box-2; each look makes the next one due."""
    looks = {"box-1": Answers(*before), "box-2": Answers(*after)}

    def look(asked):
        hub.change()
        return looks[asked.query["node"]].next()

    hub.answers["GET /api/v1/instances"] = look
    hub.answers["GET /api/v1/nodes/box-1"] = NODE_DETAIL


def test_a_drain_waits_until_what_moved_runs_there_and_ended_here(skerry, hub):
    hub.answers["POST /api/v1/nodes/box-1/drain"] = views.PlanView(changes=(MOVE,))
    pulling, old = instance(state="pulling"), instance(current=False)
    on_nodes(hub, ([INSTANCE], []), ([pulling], [old], [instance()]))
    done = skerry("drain", "box-1", "--timeout", "20s")
    assert done.out == (
        "workload/shop-web\n"
        "  > shop-web-0 to box-2  (from box-1: the node is drained)\n"
        "node/box-1 drained\n"
    )
    assert hub.asked[0].body == {"force": False, "dry_run": False}
    assert [one.query["node"] for one in hub.asked if one.path == "/api/v1/instances"].count(
        "box-2"
    ) == 3


def test_what_does_not_run_in_time_is_told(skerry, hub):
    hub.answers["POST /api/v1/nodes/box-1/drain"] = views.PlanView(changes=(MOVE,))
    on_nodes(hub, ([],), ([instance(state="failed", reason="no such image")],))
    done = skerry("drain", "box-1", "--timeout", "0.3", code=4)
    assert "instance/shop-web-0 on box-2 is not running" in done.err
    assert "last seen: failed: no such image" in done.err
    assert "drained" not in done.out.splitlines()[-1] or "(" in done.out.splitlines()[-1]


def test_a_node_that_is_lost_cannot_say_that_it_ended_there(skerry, hub):
    hub.answers["POST /api/v1/nodes/box-1/drain"] = views.PlanView(changes=(MOVE,))
    on_nodes(hub, ([INSTANCE],), ([instance()],))
    lost = dataclasses.replace(NODE, liveness=model.Liveness.LOST)
    hub.answers["GET /api/v1/nodes/box-1"] = dataclasses.replace(NODE_DETAIL, node=lost)
    done = skerry("drain", "box-1", "--timeout", "5s")
    assert "node/box-1 is lost: what it runs ends when it is heard of again\n" in done.err


def test_what_fits_nowhere_stays_is_explained_and_has_its_own_status(skerry, hub):
    plan = views.PlanView(changes=(STUCK,), unplaced=(EXPLAINED,))
    hub.answers["POST /api/v1/nodes/box-1/drain"] = plan
    done = skerry("drain", "box-1", code=3)
    assert done.out == "workload/shop-db\n  = shop-db-0 on box-1  (no other node takes it)\n"
    assert done.err.startswith("shop-db: 1 instance stays; ")
    assert "1 instance stays: --force" in done.err
    assert "lacks 180 MiB of memory" in done.err
    assert [one.path for one in hub.asked] == ["/api/v1/nodes/box-1/drain"]


def test_a_dry_run_says_what_would_be_done_and_waits_for_nothing(skerry, hub):
    hub.answers["POST /api/v1/nodes/box-1/drain"] = views.PlanView(changes=(MOVE,))
    for flag in ("--dry-run", "--plan"):
        done = skerry("drain", "box-1", flag)
        assert done.out.endswith("1 to move\n")
        assert hub.asked[-1].body == {"force": False, "dry_run": True}


def test_force_and_no_wait_are_passed_on(skerry, hub):
    removed = change("remove", detail="no other node takes it")
    plan = views.PlanView(changes=(removed,), unplaced=(EXPLAINED,))
    hub.answers["POST /api/v1/nodes/box-1/drain"] = plan
    done = skerry("drain", "box-1", "--force", "--no-wait", code=3)
    assert hub.asked[-1].body == {"force": True, "dry_run": False}
    assert "  - shop-web-0 from box-1" in done.out
    assert "stays" not in done.err


def test_an_empty_node_is_drained_at_once(skerry, hub):
    hub.answers["POST /api/v1/nodes/box-1/drain"] = views.PlanView()
    assert skerry("drain", "box-1").out == "node/box-1 drained\n"


def test_a_node_that_is_not_known_cannot_be_drained(skerry, hub):
    hub.answers["POST /api/v1/nodes/x/drain"] = unknown("node x")
    assert skerry("drain", "x", code=1).err == "skerry: there is no node x\n"


def test_a_workload_shows_what_it_tolerates(skerry, hub):
    borne = (
        model.Toleration(key="maintenance", value="true", effect="NoExecute"),
        model.Toleration(key="gpu", operator="Exists"),
        model.Toleration(operator="Exists", effect="NoSchedule"),
    )
    content = dataclasses.replace(DETAIL.content, tolerations=borne)
    hub.answers["GET /api/v1/workloads/w"] = dataclasses.replace(DETAIL, content=content)
    told = skerry("describe", "workload", "w").out
    assert "maintenance=true:NoExecute, gpu, every taint:NoSchedule\n" in told
