"""Workloads as JSON: taken as files are, and refused by field."""

import copy
import json
import pathlib

import pytest

from skerry_hub.model import Workload
from skerry_hub.terms import DeviceRequest
from skerry_hub.workloads.compose import ComposeError
from skerry_hub.workloads.json_workloads import MAX_WORKLOADS, right
from skerry_hub.workloads.problems import MAX_PROBLEMS
from skerry_wire.codec import from_plain, to_plain
from skerry_wire.plain_data import for_json

GOLDEN = json.loads((pathlib.Path(__file__).parent / "golden" / "full.json").read_text())
PORT = {"host": 80, "container": 80}
ONE = {"name": "shop-web", "project": "shop", "containers": [{"name": "web", "image": "x"}]}


def read(*objects):
    """Return the workloads as the API reads them out of a request."""
    return tuple(from_plain(Workload, one, strict=True) for one in objects)


def problems(*objects, **how):
    """Return (field, reason) of all that is wrong."""
    workloads = read(*objects)
    with pytest.raises(ComposeError) as error:
        right(workloads, **how)
    assert all(one.file is None and one.line is None for one in error.value.problems)
    return [(one.field, one.reason) for one in error.value.problems]


def test_what_files_become_is_taken_as_it_is():
    found = right(read(*GOLDEN))
    assert json.loads(json.dumps(list(map(to_plain, found)), default=for_json)) == GOLDEN
    assert right(found) == found
    assert right([]) == ()


def test_what_is_left_out_is_filled_in_and_texts_are_as_they_are_stored():
    plain = copy.deepcopy(GOLDEN[0])
    ports = plain["resources"].pop("ports")
    plain["expressions"] = ["node.labels.zone Exists", "node.labels.zone  exists"]
    gpu = {"kind": "gpu", "expressions": ["device.memory_bytes>=16GiB"]}
    plain["resources"]["devices"] = [gpu, gpu]
    (found,) = right(read(plain))
    assert found.resources.ports == tuple(ports)
    assert found.expressions == ("node.labels.zone exists",)
    assert found.resources.devices == (
        DeviceRequest(kind="gpu", count=2, expressions=("memory_bytes >= 16GiB",)),
    )


def test_every_workload_is_looked_at():
    wrong = {**ONE, "name": "shop-job", "expressions": ["node.id =~ a"]}
    other = {**ONE, "name": "shop-db", "placement": {"gang": "A"}}
    found = problems(ONE, wrong, other)
    assert [field for field, _ in found] == [
        "workloads[1].expressions[0]",
        "workloads[2].placement.gang",
    ]
    assert "write matches" in found[0][1]


def test_names_are_unique_and_the_projects_own():
    assert problems(ONE, ONE) == [("workloads[1].name", "shop-web is asked for twice")]
    assert problems(ONE, taken={"shop-web"}) == [
        ("workloads[0].name", "shop-web is asked for twice")
    ]
    assert problems({**ONE, "project": "sho"}) == [("workloads[0].name", "must be sho-<service>")]


def test_too_many():
    ((field, reason),) = problems(*[ONE] * (MAX_WORKLOADS + 1))
    assert (field, "more than 1000" in reason) == ("workloads", True)
    found = problems(*[ONE] * 200)
    assert len(found) == MAX_PROBLEMS + 1


WRONG = [
    ({"mode": "global", "replicas": 2}, "replicas", "must be 1 for the mode global"),
    ({"tolerations": [{"value": "a"}]}, "tolerations[0].key", "has no key"),
    ({"tolerations": [{"key": "A B"}]}, "tolerations[0].key", "must be [PREFIX/]NAME"),
    ({"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]},
     "tolerations[0].value", "is not for operator: Exists"),
    ({"constraints": [{"key": "node.role", "operator": "==", "value": "a"}]},
     "constraints[0]", "'node.role' is not one of"),
    ({"constraints": [{"key": "node.id", "operator": "==", "value": one} for one in "ab"]},
     "constraints[1]", "contradicts: no node can fulfil node.id == b"),
    ({"expressions": ["node.id is a"]}, "expressions[0]", "column 9: 'is' is not an operator"),
    ({"constraints": [{"key": "node.id", "operator": "==", "value": "a"}],
      "expressions": ["node.id == b"]}, "expressions[0]",
     "contradicts: no node can fulfil node.id == b beside node.id == a (constraints[0])"),
    ({"placement": {"numa": "single"}}, "placement.numa", "is about devices"),
    ({"resources": {"devices": [{"kind": "toaster"}]}}, "resources.devices[0].kind", "one of gpu"),
    ({"resources": {"devices": [{"kind": "gpu", "vendor": ""}]}},
     "resources.devices[0].vendor", "is empty"),
    ({"resources": {"devices": [{"kind": "gpu", "expressions": ["memory > 1"]}]}},
     "resources.devices[0].expressions[0]", "did you mean memory_bytes?"),
    ({"resources": {"devices": [{"kind": "gpu", "expressions": ["kind == npu"]}]}},
     "resources.devices[0].expressions[0]", "contradicts"),
    ({"resources": {"ports": ["tcp/80"]}}, "resources.ports", "must be left out"),
    ({"placement": {"affinity": [{}]}}, "placement.affinity[0]", "one of workload, selector"),
    ({"placement": {"affinity": [{"workload": "web"}]}}, "placement.affinity[0].workload",
     "'web' is not a workload, <project>-<service>"),
    ({"placement": {"affinity": [{"selector": "a=b=c"}]}},
     "placement.affinity[0].selector", "is neither key=value"),
    ({"placement": {"affinity": [{"workload": "a-b", "topology": "a b"}]}},
     "placement.affinity[0].topology", "must be [PREFIX/]NAME"),
    ({"placement": {"affinity": [{"workload": "a-b"}, {"workload": "a-b", "weight": 1}]}},
     "placement.affinity[1]", "is the same as placement.affinity[0]"),
    ({"placement": {"affinity": [{"workload": "a-b"}, {"workload": "a-b", "anti": True}]}},
     "placement.affinity[1]", "contradicts"),
    ({"placement": {"spread": [{"topology": ""}]}}, "placement.spread[0].topology", "must be"),
    ({"placement": {"spread": [{"topology": "a"}, {"topology": "a"}]}},
     "placement.spread[1]", "is the same as"),
    ({"placement": {"at_most": [{"topology": "a b", "count": 1}]}},
     "placement.at_most[0].topology", "must be [PREFIX/]NAME"),
    ({"placement": {"at_most": [{"topology": "node", "count": 1}]}, "replicas": 2,
      "expressions": ["node.id == a"]}, "placement.at_most[0]", "2 replicas never fit"),
    ({"placement": {"latency": [{"to": "site", "name": "a"}]}},
     "placement.latency[0]", "must have max_ms, weight or both"),
    ({"placement": {"latency": [{"to": "site", "name": "a", "max_ms": 0}]}},
     "placement.latency[0].max_ms", "must be more than 0"),
    ({"placement": {"latency": [{"to": "endpoint", "name": "A", "max_ms": 1}]}},
     "placement.latency[0].name", "is not a name"),
    ({"placement": {"traffic": [{"gb_per_hour": 1}]}},
     "placement.traffic[0]", "must have one of environment, workload"),
    ({"placement": {"traffic": [{"workload": "db", "gb_per_hour": 1}]}},
     "placement.traffic[0].workload", "'db' is not a workload"),
    ({"placement": {"data": [{"dataset": "a", "local": True, "max_transfer_s": 1}]}},
     "placement.data[0].max_transfer_s", "is not for local data"),
    ({"placement": {"data": [{"dataset": "a"}, {"dataset": "a", "local": True}]}},
     "placement.data[1]", "is the same as"),
    ({"placement": {"latency": [{"to": "site", "name": "a", "max_ms": one} for one in (1, 2)]}},
     "placement.latency[1]", "is the same as"),
    ({"placement": {"traffic": [{"environment": "a", "gb_per_hour": one} for one in (1, 2)]}},
     "placement.traffic[1]", "is the same as"),
    ({"placement": {"affinity": [{"workload": "shop-web", "topology": "a", "anti": True}]},
      "replicas": 2, "expressions": ["node.labels.a == b"]},
     "placement.affinity[0]", "2 replicas never fit with at most 1 per a"),
    ({"placement": {"gang": "A"}}, "placement.gang", "is not a name"),
    ({"containers": []}, "containers", "is empty"),
    ({"resources": {"cpu_milli": 2},
      "containers": [{"name": "a", "image": "x", "cpu_limit_milli": 1}]},
     "resources.cpu_milli", "reserves more"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "field", "reason"), WRONG)
def test_what_is_refused_by_field(change, field, reason):
    ((where, said),) = problems({**ONE, **change})
    assert where == f"workloads[0].{field}"
    assert reason in said


CONTAINERS = [
    ({"image": "X"}, "image", "names are lower-case"),
    ({"command": []}, "command", "is empty"),
    ({"environment": {"A=B": "c"}}, "environment", "is not a name of a variable"),
    ({"labels": {"io.skerry.a": ""}}, "labels", "Skerry's own labels"),
    ({"ports": [PORT], "network": "host"}, "ports", "cannot be published with the network host"),
    ({"ports": [PORT, PORT]}, "ports[1]", "tcp/80 is published twice"),
    ({"ports": [{**PORT, "host_ip": "::::"}]}, "ports[0].host_ip", "is not an IP address"),
    ({"mounts": [{"kind": "tmpfs", "target": "/a", "source": "b"}]}, "mounts[0].source", "tmpfs"),
    ({"mounts": [{"kind": "bind", "target": "/a", "source": "b"}]}, "mounts[0].source", "absolute"),
    ({"mounts": [{"kind": "volume", "target": "/a", "source": "/b"}]},
     "mounts[0].source", "is not a name of a volume"),
    ({"mounts": [{"kind": "tmpfs", "target": "/a/../b"}]}, "mounts[0].target", "without . or .."),
    ({"mounts": [{"kind": "tmpfs", "target": "/a"}] * 2}, "mounts[1]", "is the same as"),
    ({"devices": [{"host": "/dev/../x", "container": "/x"}]}, "devices[0].host", "without . or"),
    ({"devices": [{"host": "/dev/x", "container": "/x", "permissions": ""}]},
     "devices[0].permissions", "must be some of rwm"),
    ({"cap_add": ["NET ADMIN"]}, "cap_add[0]", "is not a capability"),
    ({"health": {"command": ["curl"]}}, "health.command", 'must be ["CMD", program'),
    ({"health": {"command": ["CMD-SHELL", "a", "b"]}}, "health.command", 'must be ["CMD", program'),
    ({"health": {"command": []}}, "health.command", 'must be ["CMD", program'),
]  # fmt: skip


@pytest.mark.parametrize(("change", "field", "reason"), CONTAINERS)
def test_what_no_container_is(change, field, reason):
    ((where, said),) = problems({**ONE, "containers": [{**ONE["containers"][0], **change}]})
    assert where == f"workloads[0].containers[0].{field}"
    assert reason in said


def test_containers_of_one_workload_share_its_names_and_ports():
    twice = [{"name": "a", "image": "x", "ports": [PORT]}] * 2
    assert problems({**ONE, "containers": twice}) == [
        ("workloads[0].containers[1]", "is the same as containers[0]"),
        ("workloads[0].containers[1].ports[0]", "tcp/80 is published twice"),
    ]


def test_a_wish_contradicts_nothing():
    far = {"workload": "shop-web", "topology": "a", "anti": True, "weight": 1}
    wish = {"placement": {"affinity": [far]}, "expressions": ["node.labels.a == b"]}
    assert right(read({**ONE, "replicas": 2, **wish}))


def test_a_workload_that_is_too_large_as_a_whole():
    long = {f"A{index}": "x" * 30_000 for index in range(9)}
    ((field, reason),) = problems(
        {**ONE, "containers": [{**ONE["containers"][0], "environment": long}]}
    )
    assert (field, "more than 262144" in reason) == ("workloads[0]", True)


def test_right_takes_records_that_a_request_has_read():
    (found,) = right([from_plain(Workload, {**ONE, "expressions": ["node.id = a"]})])
    assert found.expressions == ("node.id == a",)
