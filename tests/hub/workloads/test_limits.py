"""The schema's limits, told as problems of keys and lines."""

import pytest
from tests.hub.workloads.samples import problems, refusals

from skerry_hub.model import Resources, Workload
from skerry_hub.terms import Placement
from skerry_hub.workloads import limits, reference
from skerry_wire import schema
from skerry_wire.workload import Container


def many(count, form):
    return "[" + ", ".join(form.format(i) for i in range(count)) + "]"


LONG = "x" * 33_000
WRONG = [
    ("user: me\nenvironment:\n  A: b\n  B: " + LONG, 7, "environment.B", "at most 32768 char"),
    ("environment:\n  - A=b\n  - B=" + LONG, 4, "environment", "B: must have at most 32768"),
    ("environment: " + many(1025, "A{}=b"), 4, "environment", "at most 1024 entries, not 1025"),
    ("command:\n  - a\n  - " + LONG, 6, "command[1]", "at most 32768 characters"),
    ("command: " + LONG, 4, "command", "[0]: must have at most 32768 characters"),
    ("command: " + many(1025, "a"), 4, "command", "at most 1024 items"),
    ("healthcheck: {test: " + LONG + "}", 4, "healthcheck", "command[1]: must have at most"),
    ("user: " + "x" * 129, 4, "user", "at most 128 characters"),
    ("working_dir: /" + "x" * 1024, 4, "working_dir", "at most 1024 characters"),
    ("volumes:\n  - /" + "x" * 1024 + ":/x", 5, "volumes[0]", "source: must have at most 1024"),
    ("tmpfs: " + many(129, "/a{}"), 2, "services.web", "at most 128 items"),
    ("devices: " + many(129, "/dev/a{}"), 4, "devices", "at most 128 items"),
    ("cap_add: " + many(65, "ALL"), 4, "cap_add", "at most 64 items"),
    ("gpus: 128\ndeploy: {resources: {reservations: {devices: [{capabilities: [gpu], count: 1}]}}}",
     5, "deploy.resources.reservations.devices[0]", "count: must be 1 to 128"),
    ("deploy:\n  placement:\n    constraints: " + many(65, "node.id != b{}"),
     6, "deploy.placement.constraints", "at most 64 items"),
    ("x-placement: {affinity: " + many(33, "{{workload: a-{}}}") + "}",
     4, "x-placement.affinity", "at most 32 items"),
    ("x-placement: {maxPer: {" + ", ".join(f"a{i}: 1" for i in range(9)) + "}}",
     4, "x-placement.maxPer", "at most 8 items"),
    ("x-placement: {devices: " + many(17, "{{kind: gpu, vendor: v{}}}") + "}",
     2, "services.web", "at most 16 items"),
    ("deploy:\n  placement:\n    constraints: [node.id == " + "x" * 257 + "]",
     6, "deploy.placement.constraints[0]", "value: must have at most 256 characters"),
]  # fmt: skip


@pytest.mark.parametrize(("part", "line", "field", "reason"), WRONG)
def test_what_is_too_much_is_told_by_key_and_line(part, line, field, reason):
    assert [(at, name, reason in said) for at, name, said in refusals(part)] == [
        (line, field, True)
    ]


def test_a_label_that_is_too_long_is_told_once_for_each_place_it_would_stand_in():
    found = refusals("labels:\n  a: " + "x" * 1025)
    assert {(line, field) for line, field, _ in found} == {(5, "labels.a")}


def test_a_workload_that_is_too_large_as_a_whole():
    part = "environment:\n" + "".join(f"  A{i}: {'x' * 30_000}\n" for i in range(8))
    assert refusals(part) == []
    anchored = f"x-a: &a {'x' * 30_000}\nservices:\n  web:\n    image: x\n    environment: {{"
    anchored += ", ".join(f"A{i}: *a" for i in range(9)) + "}\n"
    ((line, field, reason),) = problems(anchored)
    assert (line, field) == (3, "services.web")
    assert "more than 262144" in reason


@pytest.mark.parametrize("kind", [Container, Placement, Resources, Workload])
def test_every_field_leads_back_to_a_documented_key(kind):
    names = {field.name for field in schema.fields_of(kind)} - limits.PARTS
    assert set(limits.KEYS[kind]) <= names
    known = {f"{path}.{key}" for path, table in reference.TABLES for key in table.supported}
    for name in names:
        key = limits.KEYS[kind].get(name, name)
        assert not key or f"services.<name>.{key}" in known
