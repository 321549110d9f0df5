"""What the command line reads is what the hub's views write."""

import dataclasses
import json

import pytest
from tests.cli import samples

from skerry_cli import (
    content_records,
    document_records,
    job_records,
    latency_records,
    records,
    rollout_records,
    workload_placement,
)
from skerry_cli.failures import UnexpectedAnswerError
from skerry_hub import documents, model, terms, views
from skerry_hub.rollout.records import RolledBack
from skerry_hub.rollout.views import RolloutView
from skerry_wire.codec import to_plain
from skerry_wire.lifecycle import JobStatus
from skerry_wire.workload import Container, DeviceMapping, Mount, PortMapping

PAIRS = [
    (records.Problem, views.Problem),
    (job_records.Job, JobStatus),
    (records.Instance, views.InstanceView),
    (records.Order, views.OrderView),
    (records.Resources, views.ResourcesView),
    (records.Node, views.NodeView),
    (records.Event, views.EventView),
    (records.Device, views.DeviceView),
    (records.Workload, views.WorkloadView),
    (records.Plan, views.PlanView),
    (latency_records.RoundTrip, views.RoundTripView),
    (rollout_records.WantedRevision, views.WantedRevision),
    (rollout_records.Rollout, RolloutView),
    (rollout_records.RolledBack, RolledBack),
    (records.DocumentPlan, views.DocumentPlan),
    (document_records.Document, views.DocumentView),
    (document_records.DocumentVersion, views.DocumentVersionView),
    (document_records.Policy, documents.Policy),
    (document_records.Quota, documents.Quota),
    (document_records.Prices, documents.Prices),
    (document_records.Egress, documents.Egress),
    (document_records.Dataset, documents.Dataset),
    (document_records.Endpoint, documents.Endpoint),
    (document_records.Reservation, documents.Reservation),
    (document_records.Window, documents.Window),
    (records.Reason, model.Reason),
    (records.Part, model.Part),
    (records.Runner, model.Runner),
    (records.Standing, model.Standing),
    (records.Verdict, model.Verdict),
    (records.Explanation, model.Explanation),
    (records.Change, model.Change),
    (content_records.Content, model.Workload),
    (content_records.Request, model.Resources),
    (content_records.DeviceRequest, model.DeviceRequest),
    (content_records.Constraint, model.Constraint),
    (content_records.Toleration, model.Toleration),
    (workload_placement.Placement, terms.Placement),
    (workload_placement.Affinity, terms.Affinity),
    (workload_placement.Spread, terms.Spread),
    (workload_placement.AtMost, terms.AtMost),
    (workload_placement.Latency, terms.Latency),
    (workload_placement.Traffic, terms.Traffic),
    (workload_placement.Cost, terms.Cost),
    (workload_placement.DataNeed, terms.DataNeed),
    (content_records.Container, Container),
    (content_records.Port, PortMapping),
    (content_records.Mount, Mount),
    (content_records.Device, DeviceMapping),
]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_every_field_that_is_read_is_one_that_the_hub_writes(ours, theirs):
    read = {field.name for field in dataclasses.fields(ours)}
    assert read <= {field.name for field in dataclasses.fields(theirs)}


SAMPLES = [(view, sample) for view, found in samples.FULL for sample in found]
OF_VIEW = {theirs: ours for ours, theirs in PAIRS}


@pytest.mark.parametrize(("view", "sample"), SAMPLES)
def test_a_view_is_read_whole(view, sample):
    plain = json.loads(json.dumps(to_plain(sample, nulls=True)))
    record = records.read(OF_VIEW[view], plain)
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if isinstance(value, (str, int, float, bool)):
            assert value == getattr(sample, field.name)


@pytest.mark.parametrize(
    "wrong", [None, 5, "x", [], {}, {"id": 7}, {"id": "e", "node": "n", "kind": "k", "at": "x"}]
)
def test_what_is_something_else_is_an_error_in_words(wrong):
    with pytest.raises(UnexpectedAnswerError, match="skerry version --hub"):
        records.read(records.Event, wrong)


@pytest.mark.parametrize("wrong", [None, [], {}, {"items": None}, {"items": {}}])
def test_a_list_without_items_is_an_error_in_words(wrong):
    with pytest.raises(UnexpectedAnswerError):
        records.items_of(wrong)


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        ({"reason": "is bad"}, "skerry: is bad"),
        ({"reason": "r", "file": "shop.yaml", "line": 7, "field": "a.b"}, "shop.yaml:7: a.b: r"),
        ({"reason": "r", "file": "shop.yaml"}, "shop.yaml: r"),
        ({"reason": "r", "field": "selector"}, "skerry: selector: r"),
    ],
)
def test_a_problem_is_a_line_that_editors_can_jump_to(problem, line):
    assert str(records.read(records.Problem, problem)) == line
