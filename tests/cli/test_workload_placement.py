"""What a workload asks of its place, a line each."""

import dataclasses

from tests.cli.samples import CONTENT, DETAIL

from skerry_cli.workload_placement import Placement, placement_lines
from skerry_hub import model, terms

ALL = terms.Placement(
    strategy="pack",
    numa="single",
    affinity=(
        terms.Affinity(workload="shop-db", topology="site"),
        terms.Affinity(selector="tier=db", anti=True, weight=20),
    ),
    spread=(
        terms.Spread(topology="site", max_skew=2),
        terms.Spread(topology="zone", weight=10, weights={"a": 2, "b": 3}),
    ),
    at_most=(terms.AtMost(topology="node", count=1),),
    latency=(
        terms.Latency(to="endpoint", name="erp", max_ms=20),
        terms.Latency(to="workload", name="shop-db", max_ms=0.5, weight=30),
    ),
    traffic=(
        terms.Traffic(environment="eu-west", gb_per_hour=1.5),
        terms.Traffic(workload="shop-db", gb_per_hour=2),
    ),
    cost=terms.Cost(max_per_hour=0.25, weight=40),
    data=(
        terms.DataNeed(dataset="maps", local=True),
        terms.DataNeed(dataset="photos", max_transfer_s=600, weight=5),
        terms.DataNeed(dataset="logs"),
    ),
    priority=-100,
    preemption="Never",
    gang="front",
)

SECTION = """\
Placement
  numa single
  strategy pack
  affinity to shop-db by site
  antiAffinity to tier=db by node (weight 20)
  spread over site, at most 2 apart
  spread over zone, at most 1 apart, a takes 2, b takes 3 (weight 10)
  at most 1 per node
  latency to endpoint erp at most 20 ms
  latency to workload shop-db at most 0.5 ms (weight 30)
  cost at most 0.25 an hour (weight 40)
  sends 1.5 GB an hour to environment eu-west
  sends 2 GB an hour to workload shop-db
  reads dataset maps, only where it is
  reads dataset photos, moved within 10m (weight 5)
  reads dataset logs
  priority -100
  preemption Never
  gang front
"""


def described(skerry, hub, **change):
    content = dataclasses.replace(CONTENT, **change)
    hub.answers["GET /api/v1/workloads/w"] = dataclasses.replace(DETAIL, content=content)
    return skerry("describe", "workload", "w").out


def test_every_term_is_a_line_of_the_description(skerry, hub):
    assert f"\n{SECTION}\n" in described(skerry, hub, placement=ALL)
    assert len(ALL.__slots__) == len(Placement.__slots__), "a term is shown to nobody"


def test_nothing_is_no_section(skerry, hub):
    assert "Placement\n" not in described(skerry, hub)
    assert list(placement_lines(Placement())) == []


def test_devices_with_their_shares_and_constraints(skerry, hub):
    devices = (
        terms.DeviceRequest(
            kind="gpu",
            vendor="nvidia",
            share_milli=250,
            expressions=("memory_bytes >= 16GiB", "model matches A100"),
        ),
        terms.DeviceRequest(kind="camera", count=2),
    )
    out = described(skerry, hub, resources=model.Resources(devices=devices))
    told = "0.25 of 1 nvidia gpu with memory_bytes >= 16GiB and model matches A100, 2 camera"
    assert f"Reserves:     {told}\n" in out
