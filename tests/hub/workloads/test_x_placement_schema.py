"""The JSON Schema of `x-placement`: it takes what the hub takes, and refuses what has no form."""

import json
import pathlib

import jsonschema
import pytest
import yaml
from hypothesis import event, given, settings
from tests.hub.workloads.placements import PLACEMENTS
from tests.hub.workloads.samples import file, parse_text, refusals

from skerry_hub.model import Workload
from skerry_hub.workloads.compose import ComposeError
from skerry_hub.workloads.json_workloads import right
from skerry_hub.workloads.x_placement_schema import SHAPES, TOP, schema
from skerry_wire.codec import from_plain, to_plain

HERE = pathlib.Path(__file__).parent
DOCUMENT = HERE.parents[2] / "docs" / "reference" / "x-placement.schema.json"
FULL = yaml.safe_load((HERE / "golden" / "full.yaml").read_text())["services"]["web"]


CHECKER = jsonschema.Draft202012Validator(schema())


def wrong(plain):
    return [error.message for error in CHECKER.iter_errors(plain)]


def test_it_is_a_schema_and_every_key_is_in_it():
    jsonschema.Draft202012Validator.check_schema(schema())
    for shape in (TOP, *SHAPES.values()):
        assert list(shape.values) == list(shape.keys.supported)


def test_the_document_is_in_step():
    assert json.loads(DOCUMENT.read_text()) == schema(), "run python docs/generate.py"


@pytest.mark.parametrize("placement", [FULL["x-placement"], FULL["deploy"]["x-placement"]])
def test_it_takes_the_golden_file(placement):
    assert wrong(placement) == []


@pytest.mark.parametrize(
    "written",
    [
        "",
        "{}",
        "{x-note: anything}",
        "{priority: '-5'}",
        "{devices: [{kind: gpu, share: 0.5}, {kind: gpu, share: 12.5%, count: '2'}]}",
        "{latency: [{to: site/a, max: 1.5s}]}",
        "{cost: {maxPerHour: '0.5'}}",
        "{constraints: [{not: {any: [node.id == a]}}]}",
        "{tolerations: [{key: a, value: true}]}",
        "{traffic: [{toWorkload: web, gbPerHour: 0}]}",
        "{spread: [{topology: a, weights: {b: '2'}}]}",
    ],
)
def test_what_both_take(written):
    assert refusals(f"x-placement: {written}") == []
    assert wrong(yaml.safe_load(written)) == []


@pytest.mark.parametrize(
    "written",
    [
        "[]",
        "{spred: []}",
        "{numa: both}",
        "{strategy: ''}",
        "{priority: 1000000001}",
        "{priority: high}",
        "{devices: [{count: 1}]}",
        "{devices: [{kind: toaster}]}",
        "{devices: [{kind: gpu, share: 0}]}",
        "{devices: [{kind: gpu, share: half}]}",
        "{affinity: [{}]}",
        "{affinity: [{workload: web, selector: a=b}]}",
        "{affinity: [{workload: web, weight: 101}]}",
        "{spread: [{maxSkew: 2}]}",
        "{spread: [{topology: a, maxSkew: 0}]}",
        "{maxPer: {node: 0}}",
        "{latency: [{to: site/a}]}",
        "{latency: [{to: zone/a, max: 1s}]}",
        "{latency: [{to: site/a, max: 20}]}",
        "{cost: {}}",
        "{cost: {maxPerHour: -1}}",
        "{traffic: [{toEnvironment: a}]}",
        "{data: [{local: true}]}",
        "{data: [{dataset: a, local: 'yes'}]}",
        "{constraints: [{some: [node.id == a]}]}",
        "{constraints: [{all: [node.id == a], any: [node.id == a]}]}",
        "{tolerations: [{key: a, effect: Never}]}",
        "{gang: A}",
    ],
)
def test_what_neither_takes(written):
    assert refusals(f"x-placement: {written}")
    assert wrong(yaml.safe_load(written))


def outcome(text):
    """Return the workloads of a file, and what is wrong with it."""
    try:
        return parse_text(text), ()
    except ComposeError as error:
        return (), error.problems


@settings(max_examples=400, deadline=None)
@given(PLACEMENTS)
def test_what_the_hub_takes_the_schema_takes_and_the_store_and_the_api(placement):
    text = file(yaml.safe_dump({"x-placement": placement}).replace("$", "$$"))
    found, problems = outcome(text)
    event("refused" if problems else "taken")
    assert all(one.line and one.field for one in problems)
    if problems:
        return
    (found,) = found
    assert wrong(placement) == []
    assert from_plain(Workload, to_plain(found), strict=True) == found
    assert right([found]) == (found,)
