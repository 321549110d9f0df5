"""`skerry describe`: the whole story, for people."""

import dataclasses
import json

import pytest
import yaml
from tests.cli.canned import NOW, Status, plain
from tests.cli.samples import (
    BROKEN,
    DEGRADED_DETAIL,
    DETAIL,
    EVENTS,
    HARDWARE,
    HISTORY,
    INSTANCE,
    LOST_DETAIL,
    NODE_DETAIL,
    PRICES,
    ago,
)

from skerry_cli.hardware import tree
from skerry_cli.words import moment
from skerry_hub import views
from skerry_hub.model import Liveness, Reason
from skerry_hub.views import EventView, ResourcesView
from skerry_wire.hardware import Hardware, ProbeStatus

NODE = """\
Node:        box-1
Hostname:    quay
Liveness:    online
Heard of:    3s ago
Registered:  3d ago
Agent:       0.1.0
System:      x86_64, linux, 6.1.0
Runtimes:    podman
Now:         CPU 12.5%, load 0.42, temperature 51 C, battery 80%, power 12.5 W, on battery
Order:       issued 3, accepted 3, reached 3

Resources
  RESOURCE   TOTAL    RESERVED   FREE      UNUSED NOW
  cpu        4        0.25       3.75      -
  memory     8 GiB    180 MiB    7.8 GiB   5.9 GiB
  storage    64 GiB   0 B        64 GiB    -
  /data      20 GiB   -          -         10 GiB

Labels
  kubernetes.io/arch=arm64
  site=quay-3
  zone=harbour

Hardware
{hardware}

Instances
  INSTANCE     NODE           STATE     HEALTH    RESTARTS   AGE
  shop-web-0   quay (box-1)   running   healthy   0          5m

Round-trip times
  NODE           TARGET         MS     ERROR   FROM
  quay (box-1)   broker         8.12   0.81    measured
  quay (box-1)   endpoint/erp   31.5   6       estimated

Events
  AGE   NODE    KIND      SUBJECT   DETAIL
  60m   box-1   started   -         -
"""

LOST = """\
Node:           box-2
Hostname:       pier
Liveness:       lost
Heard of:       never
Registered:     90s ago
System:         -
Runtimes:       -
Now:            -
Order:          issued 5, accepted 7, reached 4
Order refused:  image x is not allowed

Diverged: the hub leaves this node alone
  it is ahead: it accepted order 7, and this hub issued 5
  skerry node adopt box-2       what it runs is what is wanted
  skerry node overwrite box-2   what the hub wants is what it shall run

Problems
  podman does not answer: connection refused
"""

WORKLOAD = """\
Workload:     shop-web
Project:      shop
State:        unplaced
Reason:       1 of 3 replicas found no node
Wanted:       3 replicas
Progress:     placed 2, running 1, of them at the wanted revision 1
Revision:     1234567890abcdef
Created:      2d ago
Updated:      10m ago
Reserves:     cpu 0.25, memory 180 MiB, 1 gpu
Constraints:  node.labels.site == quay-3, node.labels.gpu exists
Labels:       team=shop
Cut off:      goes on running
Node lost:    placed elsewhere after the hub's own time
Update:       rolling, 25% at once, within 5m, pause at the first failure

Container web
  Image:        localhost/web:1
  Pull:         missing
  Command:      /bin/httpd -f
  Environment:  MODE, PASSWORD
  Mount:        volume data at /data, read-only
  Port:         127.0.0.1:8080 to 80/tcp
  Device:       /dev/video0 at /dev/video0
  Restart:      always
  Stop:         killed after 10s

Instances
  INSTANCE     NODE           STATE     REVISION           HEALTH    RESTARTS   AGE   EXIT
  shop-web-0   quay (box-1)   running   1234567890abcdef   healthy   0          5m    -
  shop-web-1   pier (box-2)   failed    0000000000000000   -         4          -     125

What is wrong
  shop-web-1 on pier (box-2) is failed with status 125: image localhost/web:2 cannot be pulled

Why no further node takes it
  skerry explain shop-web

Events
  AGE   NODE    KIND     SUBJECT      DETAIL
  30s   box-2   failed   shop-web-1   image localhost/web:2 cannot be pulled
"""

BROKEN_INSTANCE = """\
Instance:          shop-web-1
Workload:          shop-web
Node:              pier (box-2)
State:             failed
Reason:            image localhost/web:2 cannot be pulled
Health:            -
Restarts:          4
Last exit status:  125
Image:             localhost/web:2
Revision:          0000000000000000 (an older one)
"""


def test_a_node_that_is_well(skerry, hub):
    hub.answers["GET /api/v1/nodes/box-1"] = NODE_DETAIL
    hardware = "\n".join(f"  {line}" for line in tree(HARDWARE))
    assert "Acme Box 3" in hardware
    assert skerry("describe", "node", "box-1").out == NODE.format(hardware=hardware)


def test_a_node_that_was_shut_out_looks_like_it(skerry, hub):
    gone = dataclasses.replace(
        NODE_DETAIL.node, liveness=Liveness.UNREACHABLE, revoked_at=NOW - 60, revoked_by="alice"
    )
    hub.answers |= {
        "GET /api/v1/nodes": [gone],
        "GET /api/v1/nodes/box-1": dataclasses.replace(NODE_DETAIL, node=gone),
    }
    assert "unreachable,revoked" in skerry("get", "nodes").out
    shown = skerry("describe", "node", "box-1").out
    assert "Revoked:" in shown
    assert "Z by alice: skerry token create --node box-1 lets it join again" in shown
    assert '"revoked_by": "alice"' in skerry("get", "nodes", "-o", "json").out
    hub.answers["GET /api/v1/nodes/box-1"] = NODE_DETAIL
    assert "Revoked" not in skerry("describe", "node", "box-1").out


def test_a_node_that_is_not_well_says_what_to_do(skerry, hub):
    hub.answers["GET /api/v1/nodes/box-2"] = LOST_DETAIL
    out = skerry("describe", "node", "box-2").out
    assert out.startswith(LOST)
    assert "Hardware\n  not known yet\n" in out


def test_instruction_sets_are_one_line_of_the_labels(skerry, hub):
    cpuid = "feature.node.kubernetes.io/cpu-cpuid."
    labels = {f"{cpuid}AVX2": "true", f"{cpuid}AESNI": "true", "zone": "harbour"}
    changed = dataclasses.replace(NODE_DETAIL.node, labels=labels)
    hub.answers["GET /api/v1/nodes/box-1"] = dataclasses.replace(NODE_DETAIL, node=changed)
    out = skerry("describe", "node", "box-1").out
    assert f"Labels\n  zone=harbour\n  {cpuid}*=true: AESNI AVX2\n" in out


def test_hardware_of_a_newer_agent_does_not_hide_the_rest(skerry, hub):
    newer = plain(NODE_DETAIL)
    newer["hardware"]["accelerators"][0]["kind"] = "quantum"
    hub.answers["GET /api/v1/nodes/box-1"] = newer
    out = skerry("describe", "node", "box-1").out
    assert "Hardware\n  not readable by this version" in out
    assert "Instances\n" in out


def test_what_a_failed_probe_said_before_is_shown_with_its_age(skerry, hub):
    probes = {
        "usb": ProbeStatus(status="failed", reason="took longer than 2 s", kept_from=ago(300)),
        "pci": ProbeStatus(status="failed", reason="no permission"),
        "nics": ProbeStatus(status="found"),
    }
    hub.answers["GET /api/v1/nodes/box-1"] = dataclasses.replace(
        NODE_DETAIL, hardware=Hardware(probes=probes)
    )
    out = skerry("describe", "node", "box-1").out
    section = (
        "Kept from before: these probes fail now\n  usb: took longer than 2 s; kept from 5m ago\n"
    )
    assert section in out
    assert "no permission; kept" not in out


@pytest.mark.parametrize(("on_battery", "words"), [(False, "on mains"), (True, "on battery")])
def test_where_the_power_comes_from(skerry, hub, on_battery, words):
    resources = ResourcesView(on_battery=on_battery, filesystems_available_bytes={"/mnt": 0})
    node = dataclasses.replace(NODE_DETAIL.node, resources=resources)
    hub.answers["GET /api/v1/nodes/box-1"] = dataclasses.replace(
        NODE_DETAIL, node=node, hardware=None
    )
    out = skerry("describe", "node", "box-1").out
    assert f"Now:         {words}\n" in out
    assert "  /mnt       -       -          -      0 B\n" in out, "full is not unknown"


def test_what_reservations_keep_is_told_and_is_not_free(skerry, hub):
    kept = views.ReservationView(
        name="room",
        until=1_800_000_000.0,
        cpu_milli=2000,
        cpu_unused_milli=1500,
        memory_bytes=2**30,
        memory_unused_bytes=2**30,
    )
    roof = views.MaintenanceView(name="roof", until=1_800_000_000.0, reason="wet")
    hub.answers["GET /api/v1/nodes/box-1"] = dataclasses.replace(
        NODE_DETAIL, reservations=(kept,), maintenance=(roof,)
    )
    out = skerry("describe", "node", "box-1").out
    then = moment(1_800_000_000.0)
    assert f"Maintenance: nothing new comes\n  roof until {then}: wet\n" in out
    assert (
        "  RESOURCE   TOTAL    RESERVED   KEPT    FREE      UNUSED NOW\n"
        "  cpu        4        0.25       1.5     2.25      -\n"
        "  memory     8 GiB    180 MiB    1 GiB   6.8 GiB   5.9 GiB\n"
    ) in out
    assert (
        "Kept by reservations for some workloads\n"
        f"  room: cpu 1.5 of 2, memory 1 GiB of 1 GiB unused, until {then}\n"
    ) in out


def test_what_was_unplugged_and_who_used_it_is_a_problem_and_an_event(skerry, hub):
    gone = "/dev/ttyUSB0 is gone; used by shop-web-0"
    node = dataclasses.replace(NODE_DETAIL.node, problems=(gone,))
    events = (
        EventView(
            id="e1", node="box-1", kind="unplugged", at=ago(30), subject="/dev/ttyUSB0",
            detail="used by shop-web-0",
        ),
        EventView(id="e2", node="box-1", kind="plugged", at=ago(9), subject="/dev/ttyUSB1"),
    )  # fmt: skip
    hub.answers["GET /api/v1/nodes/box-1"] = dataclasses.replace(
        NODE_DETAIL, node=node, events=events
    )
    out = skerry("describe", "node", "box-1").out
    assert f"Problems\n  {gone}\n" in out
    assert "  30s   box-1   unplugged   /dev/ttyUSB0   used by shop-web-0\n" in out
    assert "  9s    box-1   plugged     /dev/ttyUSB1   -\n" in out


def test_a_box_that_says_nothing_of_its_hardware(skerry, hub):
    hub.answers["GET /api/v1/nodes/box-1"] = dataclasses.replace(NODE_DETAIL, hardware=Hardware())
    assert "\nHardware\n" not in skerry("describe", "node", "box-1").out


def test_a_workload_with_a_broken_instance(skerry, hub):
    hub.answers["GET /api/v1/workloads/shop-web"] = DEGRADED_DETAIL
    out = skerry("describe", "workload", "shop-web").out
    assert out == WORKLOAD
    assert "secret-value" not in out


def test_what_an_instances_node_no_longer_meets_is_told(skerry, hub):
    why = Reason(constraint="usb", text="1 there, 0 usable")
    gone = views.UnmetView(instance="shop-web-0", node="box-1", hostname="quay", reasons=(why,))
    hub.answers["GET /api/v1/workloads/shop-web"] = dataclasses.replace(DETAIL, unmet=(gone,))
    assert (
        "Not met any more: leaves at the next apply\n"
        "  shop-web-0 on quay (box-1): usb: 1 there, 0 usable\n"
    ) in skerry("describe", "workload", "shop-web").out


def test_what_keeps_its_former_revision_for_want_of_a_node_does_not_leave(skerry, hub):
    why = Reason(constraint="memory", text="180 MiB free < 256 MiB")
    stays = views.UnmetView(
        instance="shop-web-0", node="box-1", hostname="quay", reasons=(why,), keeps_former=True
    )
    hub.answers["GET /api/v1/workloads/shop-web"] = dataclasses.replace(DETAIL, unmet=(stays,))
    out = skerry("describe", "workload", "shop-web").out
    assert (
        "Not taken by its node: keeps its former revision\n"
        "  shop-web-0 on quay (box-1): memory: 180 MiB free < 256 MiB\n"
    ) in out
    assert "leaves" not in out


def test_a_workload_that_is_well_has_nothing_to_explain(skerry, hub):
    hub.answers["GET /api/v1/workloads/shop-web"] = DETAIL
    out = skerry("describe", "workload", "shop-web").out
    assert "State:        running" in out
    assert "explain" not in out
    assert "wrong" not in out


def test_an_instance(skerry, hub):
    hub.answers["GET /api/v1/instances"] = [INSTANCE, BROKEN]
    hub.answers["GET /api/v1/events"] = EVENTS
    out = skerry("describe", "instance", "shop-web-1").out
    assert out.startswith(BROKEN_INSTANCE)
    assert "Started:   5m ago" in skerry("describe", "instance", "shop-web-0").out
    assert skerry("describe", "instance", "x", code=1).err == "skerry: there is no instance x\n"


@pytest.mark.parametrize("kind", ["node", "workload"])
def test_a_name_that_the_hub_does_not_know(skerry, kind):
    assert skerry("describe", kind, "x", code=1).err == "skerry: there is no x\n"


@pytest.mark.parametrize("kind", ["node", "workload"])
def test_an_answer_of_another_shape_is_an_error_in_words(skerry, hub, kind):
    hub.answers[f"GET /api/v1/{kind}s/x"] = Status(200, {})
    assert "the hub's answer is not as expected" in skerry("describe", kind, "x", code=1).err


@pytest.mark.parametrize("form", ["json", "yaml"])
@pytest.mark.parametrize(
    ("kind", "name", "answer"),
    [
        ("node", "box-1", plain(NODE_DETAIL)),
        ("workload", "shop-web", plain(DETAIL)),
        ("instance", "shop-web-0", plain(INSTANCE)),
    ],
)
def test_the_hubs_answer_is_printed_as_it_is(skerry, hub, kind, name, answer, form):
    hub.answers[f"GET /api/v1/{kind}s/{name}"] = answer
    hub.answers["GET /api/v1/instances"] = [INSTANCE, BROKEN]
    out = skerry("describe", kind, name, "-o", form).out
    assert (json.loads(out) if form == "json" else yaml.safe_load(out)) == answer
    assert len(hub.asked) == 1


OF_PRICES = """\
Prices:            cloud
Version:           2
Nodes:             node.labels.environment == cloud
Node-hour:         0.02
Cpu-hour:          0.031
Gib-hour:          0.004
Device-hour:       gpu 1.2
Storage-gib-hour:  0.0001
Egress-gb:         plant 0.09, others 0.05
Watts-per-cpu:     8
Kwh:               0.3
Carbon-g-per-kwh:  380
Carbon-per-kg:     0.05
Age:               3d
Updated:           10m

Versions, the newest first
  VERSION   ACTION   AGE   BY    CHANGES
  2         put      10m   ann   cpu_hour: 0.031 -> 0.05
  1         put      3d    -     -
"""


def test_a_document_is_told_with_every_version_of_it(skerry, hub):
    hub.answers["GET /api/v1/documents/Prices/cloud"] = PRICES
    hub.answers["GET /api/v1/documents/Prices/cloud/history"] = HISTORY
    assert skerry("describe", "prices", "cloud").out == OF_PRICES
    said = {"document": PRICES, "history": HISTORY["items"]}
    assert json.loads(skerry("describe", "prices", "cloud", "-o", "json").out) == said
    done = skerry("describe", "policy", "none", code=1)
    assert (done.out, done.err) == ("", "skerry: there is no none\n")


def test_what_was_deleted_is_an_error_after_its_versions(skerry, hub):
    hub.answers["GET /api/v1/documents/Prices/cloud/history"] = HISTORY
    done = skerry("describe", "prices", "cloud", code=1)
    assert done.out == OF_PRICES.partition("10m\n")[2]
    assert done.err == "skerry: there is no cloud\n"
    done = skerry("describe", "prices", "cloud", "-o", "json", code=1)
    assert json.loads(done.out) == {"document": None, "history": HISTORY["items"]}


@pytest.mark.parametrize(
    ("lost_at", "shown"),
    [(None, ""), (NOW + 4, f": at {moment(NOW + 4)}")],
)
def test_after_how_long_a_silence_a_node_is_lost(skerry, hub, lost_at, shown):
    node = dataclasses.replace(
        NODE_DETAIL.node, lost_after_s=292.0, lost_after_reason="--lost-after-new", lost_at=lost_at
    )
    hub.answers["GET /api/v1/nodes/box-1"] = dataclasses.replace(NODE_DETAIL, node=node)
    out = skerry("describe", "node", "box-1").out
    assert f"Lost after:  4m52s of silence (--lost-after-new){shown}\n" in out


@pytest.mark.parametrize("silent_s", [10, 240])
def test_what_was_measured_longer_ago_than_usual_is_not_now(skerry, hub, silent_s):
    resources = dataclasses.replace(NODE_DETAIL.node.resources, measured_at=ago(silent_s))
    node = dataclasses.replace(NODE_DETAIL.node, resources=resources, usual_gap_s=23.0)
    hub.answers["GET /api/v1/nodes/box-1"] = dataclasses.replace(NODE_DETAIL, node=node)
    out = skerry("describe", "node", "box-1").out
    is_old = silent_s > 23
    then = f"Last heard:  {moment(ago(240))}, 4m ago: CPU 12.5%"
    assert (then in out, "\nNow: " in out) == (is_old, not is_old)
    assert ("UNUSED THEN" in out, "UNUSED NOW" in out) == (is_old, not is_old)
