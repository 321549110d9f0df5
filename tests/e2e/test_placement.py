"""Placement through the command line of a running hub, on three dozen simulated boxes."""

import json
import re

import pytest
from tests.e2e.simulated import NOT_PLACED, x

from lab.processes import wait_for

pytestmark = pytest.mark.e2e


@pytest.fixture
def fleet(simulated):
    yield simulated
    simulated.clear()


# --- devices ---------------------------------------------------------------------------------


def test_two_instances_share_a_gpu_and_the_third_goes_elsewhere(fleet):
    share = {
        "kind": "gpu",
        "vendor": "nvidia",
        "share": "50%",
        "constraints": ["memory_bytes >= 16GiB"],
    }
    fleet.apply("sight", {"detect": x(replicas=3, strategy="pack", devices=[share])})
    fleet.until_running("sight-detect")
    used = fleet.used_devices("gpu")
    assert sorted(map(len, used.values())) == [1, 2]
    assert {node for _, node in fleet.where("sight-detect").items()} <= {
        box.node for box in fleet.boxes if box.make.name == "inference"
    }


def test_a_whole_fleet_of_gpus_is_given_away_and_the_next_is_told_what_is_short(fleet):
    whole = {"kind": "gpu", "count": 2, "vendor": "nvidia"}
    done = fleet.apply("sight", {"train": x(replicas=4, devices=[whole])})
    assert done.status == NOT_PLACED
    assert len(fleet.where("sight-train")) == 3
    said = fleet.explain("sight-train")
    assert (said["placed"], said["wanted"], said["nodes"]) == (3, 4, 36)
    held = next(iter(fleet.where("sight-train").values()))
    assert "2" in fleet.reasons("sight-train", held)["devices"]
    # AMD's is another vendor's, and the other boxes have none.
    assert "devices" in fleet.reasons("sight-train", "mill-1-training-4")


def test_both_gpus_of_one_numa_node_are_nowhere(fleet):
    whole = {"kind": "gpu", "count": 2}
    done = fleet.plan("sight", {"pair": x(numa="single", devices=[whole])})
    assert done.status == NOT_PLACED
    texts = {
        reason["text"]
        for verdict in done.unplaced["sight-pair"]["verdicts"]
        for reason in verdict["reasons"]
    }
    assert any("NUMA" in text for text in texts), texts


def test_cameras_npus_and_serial_ports_go_to_who_asks_by_name_and_attribute(fleet):
    services = {
        "watch": x(
            replicas=2,
            devices=[
                {"kind": "camera", "count": 2, "constraints": ["bus == usb"]},
                {"kind": "npu", "vendor": "hailo"},
            ],
            constraints=["node.labels.site in [quay-1, quay-2]"],
        ),
        "meter": x(
            devices=[
                {"kind": "serial", "constraints": ["name == ttyUSB1", "driver matches ^ftdi"]}
            ],
            constraints=["node.labels.site == mill-1"],
        ),
    }
    fleet.apply("plant", services)
    assert sorted(fleet.where("plant-watch").values()) == ["quay-1-vision-2", "quay-2-vision-1"]
    assert list(fleet.where("plant-meter").values()) == ["mill-1-minipc-2"]
    fleet.until_running("plant-watch", "plant-meter")
    assert fleet.used_devices("serial") == {"mill-1-minipc-2/serial/ttyUSB1": ["plant-meter-0"]}
    assert len(fleet.used_devices("camera")) == 4


# --- topology --------------------------------------------------------------------------------


def test_replicas_spread_over_sites_within_the_skew(fleet):
    fleet.apply("shop", {"web": x(replicas=20, spread=[{"topology": "site", "maxSkew": 1}])})
    sites = fleet.sites("shop-web")
    assert len(sites) == 8
    assert max(sites.values()) - min(sites.values()) <= 1
    fleet.until_running("shop-web")


def test_affinity_and_anti_affinity_to_others(fleet):
    services = {
        "db": x(constraints=["node.labels.site == mill-2"]),
        "web": x(replicas=3, affinity=[{"workload": "db", "topology": "site"}]),
        "backup": x(replicas=2, antiAffinity=[{"workload": "db", "topology": "region"}]),
    }
    fleet.apply("shop", services)
    assert set(fleet.sites("shop-web")) == {"mill-2"}
    assert set(fleet.sites("shop-backup")) <= {"dc-west", "depot-1"}
    (db,) = fleet.where("shop-db").values()
    (against,) = fleet.reasons("shop-backup", db).items()
    assert against == (
        "antiAffinity to shop-db by region",
        "1 of shop-db in region eu-north",
    )


def test_one_per_node_and_at_most_two_per_site(fleet):
    done = fleet.apply("shop", {"cache": x(replicas=17, maxPer={"node": 1, "site": 2})})
    assert done.status == NOT_PLACED
    where = fleet.where("shop-cache")
    assert len(set(where.values())) == len(where) == 16
    assert set(fleet.sites("shop-cache").values()) == {2}
    assert done.unplaced["shop-cache"]["blocked"]


def test_a_gang_is_placed_whole_or_not_at_all(fleet):
    def gang(gpus):
        return {
            "leader": x(gang="till", constraints=["node.labels.region == us-west"]),
            "worker": x(
                replicas=gpus,
                gang="till",
                devices=[{"kind": "gpu", "vendor": "amd"}],
            ),
        }

    done = fleet.apply("till", gang(3))
    assert done.status == NOT_PLACED
    assert fleet.where("till-leader") == fleet.where("till-worker") == {}
    assert "gang" in done.unplaced["till-leader"]["note"]
    done = fleet.apply("till", gang(2))
    assert done.status == 0
    assert len(fleet.where("till-leader")) == 1
    assert len(fleet.where("till-worker")) == 2


# --- distance, cost, data ----------------------------------------------------------------------


def test_cheapest_region_and_a_limit_in_money(fleet):
    prices = [
        {
            "kind": "Prices",
            "name": f"prices-{at}",
            "nodes": [f"node.labels.{site}"],
            "cpuHour": price,
        }
        for at, site, price in (
            (10, "environment == plant", 0.3),
            (20, "site == dc-west", 0.04),
            (30, "site == dc-north", 0.05),
        )
    ]
    services = {
        "batch": x(replicas=3, resources={"cpus": "2"}, cost={"weight": 100}),
        "capped": x(resources={"cpus": "2"}, cost={"maxPerHour": 0.05}),
    }
    done = fleet.apply("work", services, prices)
    assert set(fleet.sites("work-batch")) == {"dc-west"}
    assert done.status == NOT_PLACED
    assert "0.1" in fleet.reasons("work-capped", "dc-north-cloud-0")["cost"]
    assert "0.05" in fleet.reasons("work-capped", "dc-north-cloud-0")["cost"]


def test_data_that_must_be_local(fleet):
    data = [{"kind": "Dataset", "name": "maps", "size": "120GiB", "places": {"site": ["quay-3"]}}]
    services = {
        "tiles": x(replicas=2, data=[{"dataset": "maps", "local": True}]),
        "soon": x(data=[{"dataset": "maps", "maxTransfer": "1m"}]),
        "lost": x(data=[{"dataset": "atlas", "local": True}]),
    }
    fleet.apply("geo", services, data)
    assert set(fleet.sites("geo-tiles")) == {"quay-3"}
    assert set(fleet.sites("geo-soon")) == {"quay-3"}
    assert fleet.where("geo-lost") == {}
    assert "atlas" in fleet.reasons("geo-lost", "quay-3-gateway-0")["data atlas"]


def test_latency_is_measured_by_the_boxes_and_kept_to(fleet):
    def all_told():
        text = fleet.hub.cli("get", "round-trips", "--to", "endpoint/erp", "-o", "json").stdout
        measured = [one for one in json.loads(text)["items"] if one["measured"]]
        return len(measured) == len(fleet.boxes)

    wait_for("every box to have measured the way to the erp", all_told, 120)
    services = {
        "near": x(replicas=3, latency=[{"to": "endpoint/erp", "max": "12ms"}]),
        "nearest": x(latency=[{"to": "endpoint/warehouse", "weight": 100}]),
        "beside": x(latency=[{"to": "workload/nearest", "max": "2ms"}]),
        "never": x(
            latency=[{"to": "endpoint/erp", "max": "1ms"}, {"to": "site/dc-west", "max": "5ms"}]
        ),
    }
    done = fleet.apply("net", services)
    assert set(done.unplaced) == {"net-never"}
    assert set(fleet.sites("net-near")) <= {"quay-1", "quay-2"}
    assert set(fleet.sites("net-nearest")) == {"depot-1"}
    assert set(fleet.sites("net-beside")) == {"depot-1"}
    reasons = fleet.reasons("net-never", "mill-2-minipc-3")
    assert reasons.keys() == {"latency to endpoint erp", "latency to site dc-west"}
    assert all(re.search(r"[0-9.]+ ms .*> [15] ms", text) for text in reasons.values()), reasons


# --- governance --------------------------------------------------------------------------------


def test_policies_refuse_in_words(fleet):
    policies = [
        {
            "kind": "Policy", "name": "eu-only", "selector": "data=personal",
            "residency": {"region": ["eu-north"]},
            "forbidden": ["node.labels.environment == cloud"],
        },
        {
            "kind": "Policy", "name": "small-team", "projects": ["hr"],
            "quota": {"instances": 2, "devices": {"gpu": 0}},
        },
    ]  # fmt: skip
    services = {
        "files": x(
            replicas=3, labels={"data": "personal"}, constraints=["node.labels.site != quay-1"]
        ),
        "pay": x(labels={"data": "personal"}, constraints=["node.hostname == dc-west-cloud-0"]),
    }
    done = fleet.apply("hr", services, policies)
    assert done.status == NOT_PLACED
    assert len(fleet.where("hr-files")) + len(fleet.where("hr-pay")) == 2
    assert "eu-only" in str(fleet.reasons("hr-pay", "dc-west-cloud-0"))
    assert "eu-north" in str(fleet.reasons("hr-pay", "dc-west-cloud-0"))
    assert "small-team" in str(fleet.explain("hr-files"))


def test_who_is_more_important_takes_the_place_of_who_is_less(fleet):
    gpu = [{"kind": "gpu", "vendor": "amd"}]
    fleet.apply("low", {"job": x(replicas=2, devices=gpu, priority=10)})
    fleet.until_running("low-job")
    refused = fleet.plan("high", {"job": x(devices=gpu, priority=100, preemption="Never")})
    assert refused.status == NOT_PLACED
    plan = fleet.plan("high", {"job": x(devices=gpu, priority=100)})
    assert len(plan.of("remove")) == 1
    done = fleet.apply("high", {"job": x(devices=gpu, priority=100)})
    assert len(fleet.where("high-job")) == 1
    # What had to end is listed until its box has ended it; then the other one runs there.
    fleet.until_running("high-job")
    assert len(fleet.where("low-job")) == 1
    assert done.of("create").keys() == {"high-job-0"}


def test_of_one_apply_the_most_important_are_placed_first(fleet):
    gpu = [{"kind": "gpu", "vendor": "amd"}]
    services = {
        "all": x(replicas=2, devices=gpu),
        "top": x(devices=gpu, priority=50, preemption="Never"),
    }
    done = fleet.apply("work", services)
    assert set(done.unplaced) == {"work-all"}
    assert len(fleet.where("work-top")) == len(fleet.where("work-all")) == 1


def test_reservations_and_maintenance_keep_others_away(fleet):
    documents = [
        {
            "kind": "Reservation", "name": "night", "nodes": ["node.labels.make == training"],
            "selector": "tier=batch", "cpu": 64,
        },
        {
            "kind": "MaintenanceWindow", "name": "firmware",
            "nodes": ["node.labels.site == depot-1"], "repeats": "daily",
            "start": "2026-01-01T00:00:00Z", "duration": "23h59m59s",
            "reason": "new firmware",
        },
    ]  # fmt: skip
    training = ["node.labels.make == training"]
    services = {
        "other": x(constraints=training),
        "batch": x(
            replicas=2, constraints=training, labels={"tier": "batch"}, resources={"cpus": "60"}
        ),
        "late": x(constraints=["node.labels.site == depot-1"]),
    }
    done = fleet.apply("work", services, documents)
    assert set(done.unplaced) == {"work-other", "work-late"}
    assert len(fleet.where("work-batch")) == 2
    assert "night" in str(fleet.reasons("work-other", "mill-1-training-4"))
    assert "new firmware" in str(fleet.reasons("work-late", "depot-1-gateway-0"))


def test_taints_keep_away_who_does_not_tolerate_them(fleet):
    quay = ["node.labels.site == quay-2"]
    for box in fleet.boxes:
        if box.site.name == "quay-2":
            fleet.hub.cli("taint", "node", box.node, "hazard=oil:NoSchedule")
    tolerant = {"key": "hazard", "value": "oil", "effect": "NoSchedule"}
    services = {
        "plain": x(constraints=quay),
        "hardy": x(constraints=quay, tolerations=[tolerant]),
    }
    done = fleet.apply("shop", services)
    assert set(done.unplaced) == {"shop-plain"}
    assert len(fleet.where("shop-hardy")) == 1
    said = fleet.explain("shop-plain")
    assert said["alone"]["taints"] == 4
    assert "hazard=oil" in fleet.reasons("shop-plain", "quay-2-gateway-0")["taints"]
