"""`skerry top` against the canned hub."""

import dataclasses
import json

import pytest
from tests.cli.canned import problems
from tests.cli.samples import INSTANCE, NODE

from skerry_hub.views import ResourcesView
from skerry_wire.lifecycle import InstanceUsage, Usage, Usages


def used(instance, cpu_milli, memory_mib, container="web"):
    usage = Usage(container=container, cpu_s=9.0, memory_bytes=memory_mib * 2**20, processes=3)
    return InstanceUsage(instance=instance, usage=usage, cpu_milli=cpu_milli)


IDLE = ResourcesView(cpu_percent=2.0, load_1m=0.25, memory_bytes=2**32,
                     memory_available_bytes=2**30, temperature_c=48.5)  # fmt: skip
QUAY = dataclasses.replace(NODE, id="box-1", hostname="quay", resources=IDLE)
PIER = dataclasses.replace(
    NODE, id="box-2", hostname="pier", resources=ResourcesView(cpu_percent=80.0)
)
OTHER = dataclasses.replace(INSTANCE, id="shop-db-0", node="box-2", hostname="pier")


@pytest.fixture
def fleet(hub):
    hub.answers["GET /api/v1/nodes"] = [QUAY, PIER, dataclasses.replace(PIER, id="box-3")]
    hub.answers["GET /api/v1/instances"] = [INSTANCE, OTHER]
    hub.answers["GET /api/v1/nodes/box-1/top"] = Usages(
        containers=(used("shop-web-0", 50.0, 64), used("shop-web-1", None, 1))
    )
    hub.answers["GET /api/v1/nodes/box-2/top"] = Usages(containers=(used("shop-db-0", 700.0, 8),))
    return hub


def firsts(done):
    return [line.split()[0] for line in done.out.splitlines()]


def test_instances_who_computes_most_first(skerry, fleet):
    done = skerry("top")
    assert firsts(done) == ["INSTANCE", "shop-db-0", "shop-web-0", "shop-web-1"]
    assert done.out.splitlines()[1].split() == [
        "shop-db-0", "web", "pier", "(box-2)", "0.700", "8", "MiB", "3",
    ]  # fmt: skip
    assert "box-3" not in {one.path.split("/")[-2] for one in fleet.asked}, "it has none"
    assert firsts(skerry("top", "--sort", "memory"))[1] == "shop-web-0"
    assert firsts(skerry("top", "instances", "--sort", "name"))[1] == "shop-db-0"
    assert firsts(skerry("top", "--node", "quay"))[1:] == ["shop-web-0", "shop-web-1"]


def test_instances_as_json(skerry, fleet):
    found = json.loads(skerry("top", "-o", "json").out)["items"]
    assert found[0] == {
        "instance": "shop-db-0", "node": "box-2", "hostname": "pier", "cpu_milli": 700.0,
        "container": "web", "cpu_s": 9.0, "memory_bytes": 8 * 2**20, "processes": 3,
    }  # fmt: skip


def test_a_node_that_does_not_tell_is_named_beside_the_others(skerry, fleet):
    fleet.answers["GET /api/v1/nodes/box-1/top"] = problems(409, {"reason": "quay is lost"})
    fleet.answers["GET /api/v1/nodes/box-2/top"] = Usages(failures=("shop-db-0: it hangs",))
    done = skerry("top", code=1)
    assert done.err == "skerry: quay is lost\nskerry: shop-db-0: it hangs\n"


def test_of_nodes_with_one_hostname_the_id_says_which(skerry, fleet):
    for words in (("top", "nodes"), ("top",)):
        done = skerry(*words, "--node", "pier", code=1)
        why = "2 nodes have the hostname pier; name one by its id: box-2, box-3"
        assert done.err == f"skerry: {why}\n"


def test_nodes(skerry, fleet):
    done = skerry("top", "nodes")
    assert firsts(done) == ["NODE", "pier", "pier", "quay"]
    assert done.out.splitlines()[3].split() == [
        "quay", "(box-1)", "online", "2%", "0.25", "3", "GiB", "75%", "-", "48", "°C",
    ]  # fmt: skip
    assert firsts(skerry("top", "nodes", "--sort", "memory"))[1] == "quay"
    found = json.loads(skerry("top", "nodes", "--node", "quay", "-o", "json").out)["items"]
    assert [(one["node"], one["cpu_percent"]) for one in found] == [("box-1", 2.0)]


@pytest.mark.parametrize("what", ["nodes", "instances"])
def test_a_node_that_there_is_not(skerry, fleet, what):
    assert "there is no node mole" in skerry("top", what, "--node", "mole", code=1).err


def test_nothing_runs(skerry, hub):
    hub.answers["GET /api/v1/nodes"] = [QUAY]
    hub.answers["GET /api/v1/instances"] = []
    done = skerry("top")
    assert (done.out, done.err) == ("", "there are no instances that run\n")
