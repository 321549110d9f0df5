"""`skerry describe`: the whole story, for people."""

import dataclasses

import pytest
from tests.cli.canned import Status, plain
from tests.cli.samples import (
    BROKEN,
    DEGRADED_DETAIL,
    DETAIL,
    EVENTS,
    INSTANCE,
    LOST_DETAIL,
    NODE_DETAIL,
)

from skerry_wire.hardware import Hardware

NODE = """\
Node:        box-1
Hostname:    quay
Liveness:    online
Heard of:    3s ago
Registered:  3d ago
Agent:       0.1.0
System:      x86_64, linux, 6.1.0
Runtimes:    podman
Now:         CPU 12.5%, load 0.42, temperature 51 C
Order:       issued 3, accepted 3, reached 3

Resources
  RESOURCE   TOTAL    RESERVED   FREE      UNUSED NOW
  cpu        4        0.25       3.75      -
  memory     8 GiB    180 MiB    7.8 GiB   5.9 GiB
  storage    64 GiB   0 B        64 GiB    -

Labels
  kubernetes.io/arch=arm64
  site=quay-3
  zone=harbour

Hardware
  system
    Acme Box 3
    Debian GNU/Linux 12, kernel 6.1.0, x86_64
    cgroup v2
  cpu
    Acme A72
    1 package, 4 cores, 4 logical processors
    2 of them usable here
  memory
    8 GiB
  accelerators
    gpu nvidia L4, 24 GiB, 0000:01:00.0, usable
    npu hailo Hailo-8, 0000:02:00.0, not usable, no driver
  disks
    nvme0n1, 64 GiB, nvme
  network interfaces
    eth0, ethernet, 1000 Mbit/s, up
  pci
    0000:01:00.0, [10de:27b8], NVIDIA Corporation, nvidia
  runtimes
    podman, 4.3.1, usable
  probes that failed
    usb, no permission

Instances
  INSTANCE     NODE   STATE     HEALTH    RESTARTS   AGE
  shop-web-0   quay   running   healthy   0          5m

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
Constraints:  node.labels.site == quay-3
Labels:       team=shop

Container web
  image localhost/web:1
  command /bin/httpd -f
  environment MODE, PASSWORD
  port 127.0.0.1:8080 to 80/tcp
  volume data at /data, read-only
  device /dev/video0 at /dev/video0
  restart always

Instances
  INSTANCE     NODE   STATE     HEALTH    RESTARTS   AGE
  shop-web-0   quay   running   healthy   0          5m
  shop-web-1   pier   failed    -         4          -

What is wrong
  shop-web-1 on pier is failed with status 125: image localhost/web:2 cannot be pulled

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
    assert skerry("describe", "node", "box-1").out == NODE


def test_a_node_that_is_not_well_says_what_to_do(skerry, hub):
    hub.answers["GET /api/v1/nodes/box-2"] = LOST_DETAIL
    out = skerry("describe", "node", "box-2").out
    assert out.startswith(LOST)
    assert "Hardware\n  not known yet\n" in out


def test_hardware_of_a_newer_agent_does_not_hide_the_rest(skerry, hub):
    newer = plain(NODE_DETAIL)
    newer["hardware"]["accelerators"][0]["kind"] = "quantum"
    hub.answers["GET /api/v1/nodes/box-1"] = newer
    out = skerry("describe", "node", "box-1").out
    assert "Hardware\n  not readable by this version" in out
    assert "Instances\n" in out


def test_a_box_that_says_nothing_of_its_hardware(skerry, hub):
    hub.answers["GET /api/v1/nodes/box-1"] = dataclasses.replace(NODE_DETAIL, hardware=Hardware())
    assert "\nHardware\n" not in skerry("describe", "node", "box-1").out


def test_a_workload_with_a_broken_instance(skerry, hub):
    hub.answers["GET /api/v1/workloads/shop-web"] = DEGRADED_DETAIL
    out = skerry("describe", "workload", "shop-web").out
    assert out == WORKLOAD
    assert "secret-value" not in out


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
