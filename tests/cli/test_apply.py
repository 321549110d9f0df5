"""`skerry apply`, `plan` and `delete`: what is sent, shown and waited for, and how they exit."""

import json

import pytest
from tests.cli.canned import Answers, plain, problems, unknown
from tests.cli.samples import (
    CREATED,
    DEGRADED_DETAIL,
    DELETED,
    DETAIL,
    INSTANCE,
    NOTHING,
    OF_DOCUMENTS,
    PLAN,
    SAME,
    SAME_DOCUMENT,
    UNPLACED,
)

from skerry_cli.plan import BEFORE
from skerry_hub.model import Explanation
from skerry_hub.views import DocumentPlan, PlanView, Problem

WARNING = Problem(reason="restarts nothing", file="a.yaml", line=7, field="livenessProbe")
TEXT = "services:\n  web: {image: x}\n"
DONE = """\
workload/shop-db updated
  ~ shop-db-0 on box-2  (other image)
workload/shop-far unchanged
  > shop-far-0 to box-3
workload/shop-old removed
  - shop-old-0 from box-1
workload/shop-web created
  + shop-web-0 on box-1
"""
MEANT = """\
workload/shop-db will be updated
  ~ shop-db-0 on box-2  (other image)
workload/shop-far is unchanged
  > shop-far-0 to box-3
workload/shop-old will be removed
  - shop-old-0 from box-1
workload/shop-web will be created
  + shop-web-0 on box-1
1 to create, 1 to replace, 1 to move, 1 to remove
"""
ORPHAN = "workload/shop-lost is no longer named by the files of its project (--prune)\n"
SHORTAGE = """\
shop-web: 2 of 3 placed; no further node fits: memory 2 nodes (nearest: pier (box-2): \
lacks 180 MiB of memory), label 1 node
  every reason: skerry explain shop-web
"""


@pytest.fixture
def file(tmp_path):
    folder = tmp_path / "My Shop_2"
    folder.mkdir()
    path = folder / "shop.yaml"
    path.write_text(TEXT)
    return str(path)


# --- what is sent -------------------------------------------------------------------------


def sent(hub):
    return hub.asked[-1].body


def test_the_files_are_sent_with_the_names_of_their_folders(skerry, hub, file):
    hub.answers["POST /api/v1/apply"] = NOTHING
    skerry("apply", "-f", file)
    assert sent(hub) == {
        "files": [{"name": file, "project": "my-shop-2", "text": TEXT}],
        "prune": False,
    }


def test_a_project_that_is_given_wins(skerry, hub, file):
    hub.answers["POST /api/v1/plan"] = NOTHING
    skerry("plan", "-f", file, "-f", "-", "--project", "p", "--prune", data="a: é\n")
    assert sent(hub) == {
        "files": [
            {"name": file, "project": "p", "project_given": True, "text": TEXT},
            {"name": "stdin", "project": "p", "project_given": True, "text": "a: é\n"},
        ],
        "prune": True,
    }


@pytest.mark.parametrize("command", ["apply", "plan", "delete"])
def test_files_that_cannot_be_read_are_named_and_nothing_is_sent(skerry, hub, tmp_path, command):
    (tmp_path / "bad.yaml").write_bytes(b"a: 1\nb: \xff\n")
    (tmp_path / "big.yaml").write_bytes(b"#" * (256 * 1024 + 1))
    for name, words in (
        ("none.yaml", "No such file"),
        ("bad.yaml", "bad.yaml:2: is not UTF-8"),
        ("big.yaml", "larger than 256 KiB"),
        ("", "Is a directory"),
    ):
        done = skerry(command, "-f", str(tmp_path / name), code=2)
        assert words in done.err
        assert (tmp_path / name).name in done.err
    assert hub.asked == []


@pytest.mark.parametrize(
    "words", [["apply"], ["plan"], ["apply", "-f", "-", "-f", "-"], ["delete"]]
)
def test_wrong_usage_exits_2(skerry, hub, words):
    assert "Usage:" in skerry(*words, code=2).err
    assert hub.asked == []


def test_problems_of_a_file_are_told_by_line(skerry, hub, file):
    hub.answers["POST /api/v1/apply"] = problems(
        400,
        {"reason": "is not supported", "file": "shop.yaml", "line": 7, "field": "services.web.x"},
        {"reason": "names no image", "file": "shop.yaml", "line": 2, "field": "services.web"},
    )
    done = skerry("apply", "-f", file, code=2)
    assert done.err.splitlines() == [
        "shop.yaml:7: services.web.x: is not supported",
        "shop.yaml:2: services.web: names no image",
    ]
    assert done.out == ""


# --- what is shown ------------------------------------------------------------------------


def test_an_apply_says_what_it_did(skerry, hub, file):
    hub.answers["POST /api/v1/apply"] = PLAN
    done = skerry("apply", "-f", file)
    assert (done.out, done.err) == (DONE, ORPHAN)


@pytest.mark.parametrize("how", [("apply",), ("plan",), ("apply", "--dry-run")])
def test_a_warning_is_a_message_and_stands_in_the_json(skerry, hub, file, how):
    warned = PlanView(warnings=(WARNING,))
    hub.answers |= {"POST /api/v1/apply": warned, "POST /api/v1/plan": warned}
    done = skerry(*how, "-f", file)
    assert (done.code, done.err) == (0, "Warning: a.yaml:7: livenessProbe: restarts nothing\n")
    told = json.loads(skerry(*how, "-f", file, "-o", "json").out)["warnings"]
    assert [(one["file"], one["line"]) for one in told] == [("a.yaml", 7)]


def test_a_plan_says_what_would_be_done(skerry, hub, file):
    hub.answers["POST /api/v1/plan"] = PLAN
    done = skerry("plan", "-f", file)
    assert (done.out, done.err) == (MEANT, ORPHAN)
    assert skerry("apply", "-f", file, "--dry-run").out == MEANT
    assert {asked.path for asked in hub.asked} == {"/api/v1/plan"}
    assert "  = shop-db-1 on box-1\n" in skerry("plan", "-v", "-f", file).out


OF_DOCUMENTS_MEANT = """\
policy/eu-only will be created
prices/cloud will be updated
  ~ cpu_hour: 0.031 -> 0.05
window/w is unchanged
workload/shop-web will be created
  + shop-web-0 on box-1
1 to create
"""


def test_documents_are_told_before_workloads(skerry, hub, file):
    hub.answers["POST /api/v1/plan"] = hub.answers["POST /api/v1/apply"] = OF_DOCUMENTS
    assert skerry("plan", "-f", file).out == OF_DOCUMENTS_MEANT
    assert skerry("apply", "-f", file).out.splitlines()[:4] == [
        "policy/eu-only created",
        "prices/cloud updated",
        "  ~ cpu_hour: 0.031 -> 0.05",
        "window/w unchanged",
    ]


def test_a_kind_that_only_a_newer_hub_knows_is_shown_by_its_own_name(skerry, hub, file):
    later = DocumentPlan(kind="Later", name="x", action="created", version=1)
    hub.answers["POST /api/v1/apply"] = PlanView(documents=(later,))
    assert skerry("apply", "-f", file, "--wait").out == "later/x created\n"


def test_json_is_what_the_hub_said(skerry, hub, file):
    hub.answers["POST /api/v1/plan"] = hub.answers["POST /api/v1/apply"] = PLAN
    for command in (["plan"], ["apply"], ["apply", "--dry-run"]):
        assert json.loads(skerry(*command, "-f", file, "-o", "json").out) == plain(PLAN)


@pytest.mark.parametrize("command", [["apply"], ["plan"], ["plan", "--exit-code"]])
def test_what_is_not_placed_is_told_and_exits_3(skerry, hub, file, command):
    hub.answers["POST /api/v1/plan"] = hub.answers["POST /api/v1/apply"] = UNPLACED
    told = SHORTAGE
    if command[0] == "plan":  # what is only planned, the hub cannot explain yet
        told = told.replace("skerry explain shop-web", BEFORE.format(workload="shop-web"))
    assert skerry(*command, "-f", file, code=3).err == told


def test_a_fleet_without_nodes_is_told_so(skerry, hub, file):
    empty = Explanation(workload="shop-web", wanted=1, placed=0, feasible=0)
    hub.answers["POST /api/v1/apply"] = PlanView(created=("shop-web",), unplaced=(empty,))
    err = skerry("apply", "-f", file, code=3).err
    assert err.startswith("shop-web: 0 of 1 placed; there is no node\n")


OF_DOCUMENTS_PENDING = (
    (PlanView(documents=OF_DOCUMENTS.documents[:1]), 5),
    (PlanView(documents=OF_DOCUMENTS.documents[1:]), 5),
    (SAME_DOCUMENT, 0),
)


@pytest.mark.parametrize(
    ("plan", "code"), [(PLAN, 5), (CREATED, 5), (SAME, 0), (NOTHING, 0), *OF_DOCUMENTS_PENDING]
)
def test_a_plan_with_exit_code_tells_whether_changes_are_pending(skerry, hub, file, plan, code):
    hub.answers["POST /api/v1/plan"] = plan
    skerry("plan", "-f", file, "--exit-code", code=code)
    skerry("plan", "-f", file)


# --- what is waited for -------------------------------------------------------------------


def test_an_apply_waits_until_everything_runs(skerry, hub, file):
    hub.answers["POST /api/v1/apply"] = PlanView(created=("shop-web",), removed=("shop-old",))
    hub.answers["GET /api/v1/instances"] = []
    looks = Answers(DEGRADED_DETAIL, DETAIL)

    def look(asked):
        hub.change()
        return looks.next()

    hub.answers["GET /api/v1/workloads/shop-web"] = look
    done = skerry("apply", "-f", file, "--wait", "--timeout", "20s")
    assert done.out == (
        "workload/shop-old removed\nworkload/shop-web created\n"
        "workload/shop-web is running\nworkload/shop-old is deleted\n"
    )


def test_what_does_not_run_in_time_exits_4_and_says_why(skerry, hub, file):
    hub.answers["POST /api/v1/apply"] = CREATED
    hub.answers["GET /api/v1/workloads/shop-web"] = DEGRADED_DETAIL
    done = skerry("apply", "-f", file, "--wait", "--timeout", "300ms", code=4)
    assert done.err == (
        "skerry: workload/shop-web is not running after 0s; last seen: unplaced, 1 of 3 running "
        "(1 of 3 replicas found no node)\n"
        "skerry:   1 of 3 found no node: skerry explain shop-web\n"
        "skerry:   shop-web-1 on pier (box-2): failed at an older revision: "
        "image localhost/web:2 cannot be pulled\n"
    )


def test_what_found_no_node_is_not_waited_for(skerry, hub, file):
    hub.answers["POST /api/v1/apply"] = UNPLACED
    skerry("apply", "-f", file, "--wait", "--timeout", "20s", code=3)
    assert [asked.path for asked in hub.asked] == ["/api/v1/apply"]


# --- delete -------------------------------------------------------------------------------


def test_a_workload_is_deleted_and_its_instances_are_named(skerry, hub):
    gone = PlanView(changes=(PLAN.changes[3],), removed=("shop-old",))
    hub.answers["DELETE /api/v1/workloads/shop-old"] = gone
    done = skerry("delete", "workload", "shop-old")
    assert done.out == "workload/shop-old deleted\n  - shop-old-0 from box-1\n"


def test_what_is_not_there_is_an_error_unless_it_may_be_missing(skerry, hub):
    hub.answers["DELETE /api/v1/workloads/b"] = NOTHING
    done = skerry("delete", "workload", "a", "b", code=1)
    assert (done.out, done.err) == ("workload/b deleted\n", "skerry: there is no a\n")
    assert skerry("delete", "workload", "a", "--ignore-not-found").err == ""


def test_what_a_file_names_is_deleted(skerry, hub, file):
    hub.answers["POST /api/v1/plan"] = PlanView(updated=("shop-web",), unchanged=("shop-db",))
    for name in ("shop-web", "shop-db"):
        hub.answers[f"DELETE /api/v1/workloads/{name}"] = NOTHING
    done = skerry("delete", "-f", file)
    assert done.out == "workload/shop-db deleted\nworkload/shop-web deleted\n"


def test_documents_are_deleted_by_name(skerry, hub):
    hub.answers["DELETE /api/v1/documents/Policy/eu-only"] = DELETED
    assert skerry("delete", "policy", "eu-only", "--wait").out == "policy/eu-only deleted\n"
    done = skerry("delete", "policy", "none", "eu-only", code=1)
    assert (done.out, done.err) == ("policy/eu-only deleted\n", "skerry: there is no none\n")
    assert skerry("delete", "window", "none", "--ignore-not-found").out == ""
    assert hub.asked[-1].path == "/api/v1/documents/MaintenanceWindow/none"


def test_what_files_name_is_deleted_workloads_before_documents(skerry, hub, file):
    hub.answers["POST /api/v1/plan"] = OF_DOCUMENTS
    hub.answers["DELETE /api/v1/workloads/shop-web"] = NOTHING
    for place in ("Policy/eu-only", "Prices/cloud", "MaintenanceWindow/w"):
        hub.answers[f"DELETE /api/v1/documents/{place}"] = DELETED
    assert skerry("delete", "-f", file).out.splitlines() == [
        "workload/shop-web deleted",
        "policy/eu-only deleted",
        "prices/cloud deleted",
        "window/w deleted",
    ]


def test_files_that_name_nothing_delete_nothing(skerry, hub, file):
    hub.answers["POST /api/v1/plan"] = NOTHING
    err = skerry("delete", "-f", file, code=1).err
    assert err == "skerry: the files name no workload, and no document\n"


def test_a_delete_waits_until_the_nodes_have_ended_it(skerry, hub):
    hub.answers["DELETE /api/v1/workloads/shop-web"] = NOTHING
    looks = Answers([INSTANCE], [])

    def look(asked):
        assert asked.query == {"workload": "shop-web"}
        hub.change()
        return looks.next()

    hub.answers["GET /api/v1/instances"] = look
    skerry("delete", "workload", "shop-web", "--wait", "--timeout", "20s")
    hub.answers["GET /api/v1/instances"] = [INSTANCE]
    err = skerry("delete", "workload", "shop-web", "--wait", "--timeout", "2", code=4).err
    assert "shop-web-0 is still running on quay (box-1)" in err


def test_a_node_is_forgotten_and_its_instances_move(skerry, hub):
    hub.answers["DELETE /api/v1/nodes/box-1"] = PlanView(changes=(PLAN.changes[4],))
    done = skerry("delete", "node", "box-1", "-y")
    assert done.out == "node/box-1 deleted\nworkload/shop-far\n  > shop-far-0 to box-3\n"
    hub.answers["DELETE /api/v1/nodes/box-1"] = UNPLACED
    assert skerry("delete", "node", "box-1", "-y", code=3).err == SHORTAGE


def test_another_failure_ends_a_delete(skerry, hub):
    hub.answers["DELETE /api/v1/nodes/a"] = problems(409, {"reason": "is being restored"})
    assert skerry("delete", "node", "a", "b", "-y", code=1).err == "skerry: is being restored\n"
    assert unknown("b").status == 404
    assert len(hub.asked) == 1


@pytest.mark.parametrize(
    "words", [["workload"], ["workload", "a", "-f", "x"], ["instance", "a"], ["workload", ""]]
)
def test_a_delete_that_names_nothing_is_wrong_usage(skerry, hub, words):
    skerry("delete", *words, code=2)
    assert hub.asked == []
