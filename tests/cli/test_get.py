"""`skerry get`: lists in every form, and watches."""

import dataclasses
import json
import re
import signal

import pytest
import yaml
from tests.cli.canned import Answers, Raw, plain, problems
from tests.cli.samples import (
    BROKEN,
    DETAIL,
    DEVICES,
    DOCUMENTS,
    EVENTS,
    INSTANCE,
    LOST,
    NODE,
    NODE_DETAIL,
    ROUND_TRIPS,
    WORKLOAD,
)

from skerry_cli.kinds import KINDS, kind_of
from skerry_hub.model import Liveness
from skerry_wire.messages import InstanceState

NODES = """\
NODE    HOSTNAME   STATUS                           INSTANCES   CPU      MEMORY          \
ACCELERATORS                         SEEN   AGE
box-1   quay       online                           1           0.25/4   180 MiB/8 GiB   \
1 gpu L4, 1 npu Hailo-8 (unusable)   3s     3d
box-2   pier       lost,diverged,refused,problems   1           0/-      0 B/-           \
-                                    -      90s
"""

WORKLOADS = """\
WORKLOAD   STATE     READY   PLACED   MODE         AGE   UP-TO-DATE   PROJECT   REVISION           \
UPDATED   IMAGES            JOB   REASON
shop-web   running   1/1     1        replicated   2d    1            shop      1234567890abcdef   \
10m       localhost/web:1   -     -
"""

INSTANCES = """\
INSTANCE     NODE           STATE     HEALTH    RESTARTS   AGE
shop-web-0   quay (box-1)   running   healthy   0          5m
shop-web-1   pier (box-2)   failed    -         4          -
"""

LISTED_EVENTS = """\
AGE   NODE    KIND      SUBJECT      DETAIL
60m   box-1   started   -            -
30s   box-2   failed    shop-web-1   image localhost/web:2 cannot be pulled
"""


LISTED_DEVICES = """\
NODE           KIND     VENDOR   MODEL       SIZE      ADDRESS        PATH              STATUS     USED-BY
quay (box-1)   gpu      nvidia   L4          24 GiB    0000:01:00.0   /dev/nvidia0 +1   usable     shop-web-0 (0.5), shop-web-1
quay (box-1)   npu      hailo    Hailo-8     -         0000:02:00.0   -                 unusable   -
quay (box-1)   disk     -        -           256 GiB   sata           /dev/sda          present    -
pier (box-2)   camera   -        HD Webcam   -         -              /dev/video0       lost       -
"""  # noqa: E501


LISTED_ROUND_TRIPS = """\
NODE           TARGET         MS     ERROR   FROM
quay (box-1)   broker         8.12   0.81    measured
quay (box-1)   endpoint/erp   31.5   6       estimated
"""


def of_kind(asked):
    """Answer as the API does."""
    return {"items": [one for one in DOCUMENTS if one["kind"] == asked.query["kind"]]}


@pytest.fixture(autouse=True)
def fleet(hub):
    hub.answers |= {
        "GET /api/v1/nodes": [NODE, LOST],
        "GET /api/v1/nodes/box-1": NODE_DETAIL,
        "GET /api/v1/workloads": [WORKLOAD],
        "GET /api/v1/workloads/shop-web": DETAIL,
        "GET /api/v1/instances": [INSTANCE, BROKEN],
        "GET /api/v1/events": EVENTS,
        "GET /api/v1/devices": DEVICES,
        "GET /api/v1/round-trips": ROUND_TRIPS,
        "GET /api/v1/documents": of_kind,
    }


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["nodes"], NODES),
        (["workload", "-o", "wide"], WORKLOADS),
        (["in"], INSTANCES),
        (["events"], LISTED_EVENTS),
        (["devices"], LISTED_DEVICES),
        (["rt"], LISTED_ROUND_TRIPS),
        (["rt", "-o", "name"], "round-trip/box-1/broker\nround-trip/box-1/endpoint/erp\n"),
        (["dev", "box-1/disk/sda", "-o", "name"], "device/box-1/disk/sda\n"),
        (
            ["no", "--no-headers", "box-1"],
            "box-1   quay   online   1   0.25/4   180 MiB/8 GiB   "
            "1 gpu L4, 1 npu Hailo-8 (unusable)   3s   3d\n",
        ),
        (["nodes", "-o", "name"], "node/box-1\nnode/box-2\n"),
        (["wl", "shop-web", "-o", "name"], "workload/shop-web\n"),
        (["instances", "shop-web-1", "-o", "name"], "instance/shop-web-1\n"),
        (["ev", "-o", "name"], "event/e1\nevent/e2\n"),
    ],
)
def test_a_list_is_shown(skerry, words, text):
    done = skerry("get", *words)
    assert done.out == text
    assert done.err == ""


@pytest.mark.parametrize(
    ("kind", "cells"),
    [
        (
            "policies",
            [
                "eu-only", "2", "tier=web,stage!=test", "shop", "node.labels.environment == cloud",
                "region eu-west|eu-north",
                "instances 20, cpu 16.5, memory 64 GiB, storage 1 TiB, gpu 4, cost/h 12.5", "3d",
            ],
        ),
        (
            "pr",
            ["cloud", "2", "node.labels.environment == cloud", "0.02", "0.031", "0.004", "gpu 1.2",
             "3d"],
        ),
        ("dataset", ["maps", "2", "120 GiB", "node box-1|box-2, site quay-3", "1000", "3d"]),
        ("endpoints", ["erp", "2", "erp.example", "443", "3d"]),
        (
            "rsv",
            ["night-batch", "2", "node.labels.site == quay-3", "tier=batch", "4", "8 GiB",
             "100 GiB", "2027-03-01T22:00:00Z", "2027-03-02T06:00:00Z", "3d"],
        ),
        (
            "mw",
            ["quay-3-night", "2", "node.labels.site == quay-3", "2027-03-01T22:00:00Z", "4h",
             "weekly", "firmware", "3d"],
        ),
    ],
)  # fmt: skip
def test_documents_are_shown_in_a_row(skerry, kind, cells):
    done = skerry("get", kind, "--no-headers")
    assert re.split(" {3,}", done.out.rstrip("\n")) == cells
    assert done.err == ""


def test_a_document_is_found_by_its_name_and_shown_whole(skerry):
    assert json.loads(skerry("get", "policy", "eu-only", "-o", "json").out) == DOCUMENTS[0]
    assert yaml.safe_load(skerry("get", "policies", "-o", "yaml").out) == {"items": [DOCUMENTS[0]]}
    assert skerry("get", "windows", "-o", "name").out == "window/quay-3-night\n"
    assert skerry("get", "prices", "none", code=1).err == "skerry: there is no prices none\n"
    assert "policies have no labels" in skerry("get", "policies", "-l", "a=b", code=2).err
    assert "--node is for" in skerry("get", "policies", "--node", "n", code=2).err


def test_every_kind_has_a_plural_a_singular_and_a_short_name():
    for kind in KINDS:
        assert kind_of(kind.name) is kind_of(kind.plural) is kind_of(kind.short) is kind
    assert kind_of("pods") is None


@pytest.mark.parametrize(
    "kind", ["nodes", "workloads", "instances", "events", "devices", "round-trips"]
)
def test_json_and_yaml_are_what_the_hub_said(skerry, hub, kind):
    said = plain(hub.answers[f"GET /api/v1/{kind}"])
    assert json.loads(skerry("get", kind, "-o", "json").out) == said
    assert yaml.safe_load(skerry("get", kind, "-o", "yaml").out) == said


def test_one_name_gives_the_whole_answer_and_more_names_a_list(skerry, hub):
    assert json.loads(skerry("get", "node", "box-1", "-o", "json").out) == plain(NODE_DETAIL)
    assert json.loads(skerry("get", "instance", "shop-web-0", "-o", "json").out) == plain(INSTANCE)
    hub.answers["GET /api/v1/nodes/box-2"] = NODE_DETAIL
    two = json.loads(skerry("get", "node", "box-1", "box-2", "-o", "json").out)
    assert two == plain([NODE, NODE])


def test_what_is_there_is_shown_and_what_is_not_is_an_error(skerry):
    done = skerry("get", "node", "box-1", "box-9", code=1)
    assert done.out.splitlines()[1].startswith("box-1")
    assert done.err == "skerry: there is no box-9\n"
    done = skerry("get", "instance", "shop-web-9", code=1)
    assert (done.out, done.err) == ("", "skerry: there is no instance shop-web-9\n")
    done = skerry("get", "node", "box-9", "-o", "json", code=1)
    assert (done.out, done.err) == ("", "skerry: there is no box-9\n")


def test_an_empty_list_is_no_error(skerry, hub):
    hub.answers["GET /api/v1/nodes"] = []
    done = skerry("get", "nodes")
    assert (done.out, done.err) == ("", "there are no nodes\n")
    assert json.loads(skerry("get", "nodes", "-o", "json").out) == {"items": []}


@pytest.mark.parametrize(
    ("words", "query"),
    [
        (["nodes", "-l", "site=quay-3,!zone"], {"selector": "site=quay-3,!zone"}),
        (["instances", "--node", "box-1", "-l", "a"], {"node": "box-1", "selector": "a"}),
        (["events", "--workload", "w", "--limit", "5"], {"workload": "w", "limit": "5"}),
        (["devices"], {}),
        (["round-trips"], {}),
        (
            ["rt", "--node", "n", "--to", "endpoint/erp", "--limit", "5"],
            {"node": "n", "to": "endpoint/erp", "limit": "5"},
        ),
        (
            ["devices", "-l", "a", "--node", "n", "--kind", "gpu,nic", "--vendor", "v", "--usable"],
            {"selector": "a", "node": "n", "kind": "gpu,nic", "vendor": "v", "usable": "true"},
        ),
        (["devices", "--unusable", "--limit", "5"], {"usable": "false", "limit": "5"}),
        (
            ["device", "box-1/disk/sda"],
            {"node": "box-1", "kind": "all", "limit": "100000"},
        ),
        (
            ["device", "box-1/disk/sda", "box-2/camera/video0", "--kind", "disk,camera"],
            {"kind": "disk,camera", "limit": "100000"},
        ),
    ],
)
def test_what_narrows_a_list_is_the_hubs_to_do(skerry, hub, words, query):
    skerry("get", *words)
    assert hub.asked[-1].query == query


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ([], "Missing argument 'KIND'"),
        (["pods"], "'pods' is none of nodes, workloads, instances, events, devices"),
        (["nodes", "box-1", "-l", "a=b"], "not both"),
        (["events", "-l", "a=b"], "no labels"),
        (["nodes", "--node", "box-1"], "--node is for instances, events, devices and round-trips"),
        (["rt", "-l", "a"], "no labels"),
        (["nodes", "--to", "broker"], "--to is for round-trips"),
        (["devices", "--workload", "w"], "--workload is for instances, events and decisions"),
        (["nodes", "--limit", "5"], "--limit is for events, devices, round-trips and decisions"),
        (["nodes", "--kind", "gpu"], "--kind is for devices"),
        (["events", "--vendor", "x"], "--vendor is for devices"),
        (["instances", "--unusable"], "--usable and --unusable are for devices"),
        (["devices", "--limit", "100001"], "--limit"),
        (["events", "--limit", "10001"], "at most 10000 events"),
        (["events", "--limit", "0"], "--limit"),
        (["nodes", "-o", "xml"], "xml"),
    ],
)
def test_wrong_usage_exits_2_and_asks_nothing(skerry, hub, words, error):
    assert error in skerry("get", *words, code=2).err
    assert hub.asked == []


def test_a_wide_list_of_devices_says_why_and_which_node(skerry):
    heading, _, npu, _, camera = skerry("get", "devices", "-o", "wide").out.splitlines()
    assert heading.split()[9:] == [
        *("NODE-ID", "LIVENESS", "NAME", "BUS", "DRIVER", "PATHS", "REASON"),
    ]
    assert npu.endswith("no driver")
    assert camera.split("   ")[0] == "pier (box-2)"
    assert "box-2     lost" in camera


def test_a_list_that_was_cut_says_so_in_each_form(skerry, hub):
    hub.answers["GET /api/v1/devices"] = {**plain(DEVICES[:1]), "more": True}
    for form in ([], ["-o", "name"], ["-o", "json"]):
        done = skerry("get", "devices", *form)
        assert "there are more devices than these: give --limit" in done.err
    assert json.loads(skerry("get", "devices", "-o", "json").out)["more"] is True
    hub.answers["GET /api/v1/devices"] = {**plain(DEVICES[:1]), "more": False}
    assert skerry("get", "devices").err == ""


def test_a_device_that_is_not_there_is_an_error(skerry):
    done = skerry("get", "device", "box-1/disk/sdz", code=1)
    assert (done.out, done.err) == ("", "skerry: there is no device box-1/disk/sdz\n")


def test_a_kind_that_the_hub_does_not_know_is_the_hubs_to_tell(skerry, hub):
    hub.answers["GET /api/v1/devices"] = problems(400, {"reason": "'x' is none", "field": "kind"})
    assert skerry("get", "devices", "--kind", "x", code=2).err == "skerry: kind: 'x' is none\n"


def test_a_watch_shows_a_device_that_is_unplugged(start, hub):
    watch = start("get", "devices", "-w")
    assert "".join(watch.stdout.readline() for _ in range(5)) == LISTED_DEVICES
    hub.answers["GET /api/v1/devices"] = DEVICES[1:]
    hub.change()
    assert watch.stderr.readline() == "device/box-1/gpu/0000:01:00.0 is gone\n"


def test_a_bad_selector_is_the_hubs_problem_to_tell(skerry, hub):
    hub.answers["GET /api/v1/nodes"] = problems(400, {"reason": "is empty", "field": "selector"})
    assert skerry("get", "nodes", "-l", ",", code=2).err == "skerry: selector: is empty\n"


def test_an_answer_of_another_shape_is_an_error_in_words(skerry, hub):
    hub.answers["GET /api/v1/nodes"] = {"items": [{"id": 7}]}
    done = skerry("get", "nodes", code=1)
    assert "the hub's answer is not as expected: [0]" in done.err or "id: must be text" in done.err


def test_what_a_box_says_cannot_steer_the_terminal(skerry, hub):
    evil = dataclasses.replace(
        NODE, hostname="\x1b]0;pwned\x07\nbox-7  fine", labels={"\x9b2J": "\u202e\r"}
    )
    hub.answers["GET /api/v1/nodes"] = [evil]
    for form in ([], ["-o", "wide"], ["-o", "json"], ["-o", "yaml"]):
        out = skerry("get", "nodes", *form).out
        assert not set(out) & set("\x1b\x07\r\x9b\u202e")
    assert "\\x1b]0;pwned\\x07\\x0abox-7" in skerry("get", "nodes").out
    assert json.loads(skerry("get", "nodes", "-o", "json").out) == plain([evil])


# --- watches ------------------------------------------------------------------------------


def test_a_watch_shows_what_changes_again_and_ends_with_130(start, hub):
    down = dataclasses.replace(NODE, liveness=Liveness.UNREACHABLE)
    hub.answers["GET /api/v1/nodes"] = [NODE, LOST]
    watch = start("get", "nodes", "-w")
    lines = [watch.stdout.readline() for _ in range(3)]
    assert "".join(lines) == NODES
    # Something that no column shows, and times that pass, are no reason for a row.
    hub.answers["GET /api/v1/nodes"] = [
        dataclasses.replace(NODE, last_seen=NODE.last_seen + 2),
        LOST,
    ]
    hub.change()
    hub.wait_asked(lambda asked: asked.query.get("after") == "2")
    hub.answers["GET /api/v1/nodes"] = [down]
    hub.change()
    row = watch.stdout.readline()
    assert row.startswith("box-1   quay       unreachable                      1")
    assert watch.stderr.readline() == "node/box-2 is gone\n"
    watch.send_signal(signal.SIGINT)
    assert watch.wait(10) == 130
    assert (watch.stdout.read(), watch.stderr.read().strip()) == ("", "")


def test_a_watch_of_events_shows_each_once(start, hub):
    hub.answers["GET /api/v1/events"] = EVENTS[:1]
    watch = start("get", "events", "-w", "-o", "json")
    assert json.loads(watch.stdout.readline())["id"] == "e1"
    hub.answers["GET /api/v1/events"] = EVENTS
    hub.change()
    assert json.loads(watch.stdout.readline())["id"] == "e2"


def test_a_watch_outlives_the_hub(start, hub):
    away = Answers({"change": 1}, Raw(b""), Raw(b""), {"change": 7}, Raw(b"", hold_s=30))
    hub.answers["GET /api/v1/changes"] = away
    hub.answers["GET /api/v1/nodes"] = Answers([NODE], [NODE, LOST])
    watch = start("get", "nodes", "-w", "-o", "name")
    assert watch.stdout.readline() == "node/box-1\n"
    assert watch.stdout.readline() == "node/box-2\n"
    assert "Trying again." in watch.stderr.readline()


def test_a_watch_of_a_hub_that_was_never_there_fails(skerry):
    done = skerry("get", "nodes", "-w", code=1, SKERRY_HUB="http://127.0.0.1:9")
    assert "cannot reach the hub at http://127.0.0.1:9" in done.err


@pytest.mark.parametrize(
    ("states", "shown"),
    [
        (("running", "running"), "2"),
        (("unknown", "unknown"), "2 unknown"),
        (("running", "unknown"), "1 (1 unknown)"),
        ((), "0"),
    ],
)
def test_what_a_lost_node_ran_is_not_counted_as_running(skerry, hub, states, shown):
    there = tuple(dataclasses.replace(INSTANCE, state=InstanceState(one)) for one in states)
    hub.answers["GET /api/v1/nodes"] = [dataclasses.replace(NODE, instances=there)]
    row = skerry("get", "nodes", "--no-headers").out
    assert row.split("   ")[3] == shown
