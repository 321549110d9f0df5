"""Latency and traffic, of `x-placement`."""

import pytest
from tests.hub.workloads.samples import refusals, workload

from skerry_hub.terms import Latency, Traffic


def placed(key, written):
    return workload(f"x-placement: {{{key}: [{written}]}}").placement


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("{to: site/quay-3, max: 20ms}", Latency(to="site", name="quay-3", max_ms=20)),
        ("{to: node/box.example, max: 70us}", Latency(to="node", name="box.example", max_ms=0.07)),
        ("{to: endpoint/erp, weight: 9}", Latency(to="endpoint", name="erp", weight=9)),
        ("{to: workload/other-db, max: 1.5s, weight: 1}",
         Latency(to="workload", name="other-db", max_ms=1500, weight=1)),
        ("{to: workload/web, max: 70ms}", Latency(to="workload", name="shop-web", max_ms=70)),
    ],
)  # fmt: skip
def test_a_latency(written, found):
    assert placed("latency", written).latency == (found,)


@pytest.mark.parametrize(
    ("written", "field", "reason"),
    [
        ("{max: 1ms}", ".to", "is missing"),
        ("{to: site/a}", "", "must have max, weight or both"),
        ("{to: quay-3, max: 1ms}", ".to", "is not a place: write node/<name>, site/<name>"),
        ("{to: zone/a, max: 1ms}", ".to", "is not a place"),
        ("{to: site/, max: 1ms}", ".to", "is not a place"),
        ("{to: endpoint/A, max: 1ms}", ".to", "is not a name"),
        ("{to: workload/db, max: 1ms}", ".to", "not a service of this file or a workload"),
        ("{to: site/" + "a" * 129 + ", max: 1ms}", ".to", "at most 128 characters after site/"),
        ("{to: site/a, max: 20}", ".max", "write 20s for seconds"),
        ("{to: site/a, max: 0}", ".max", "must be more than 0 and at most 1000s"),
        ("{to: site/a, max: 1h}", ".max", "must be more than 0 and at most 1000s"),
        ("{to: site/a, weight: 200}", ".weight", "from 1 to 100"),
        ("{to: site/a, maxx: 1}", ".maxx", "did you mean max?"),
    ],
)
def test_what_is_no_latency(written, field, reason):
    found = refusals(f"x-placement: {{latency: [{written}]}}")
    assert [(4, f"x-placement.latency[0]{field}", True)] == [
        (line, at, reason in said) for line, at, said in found if reason in said
    ]


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("{toEnvironment: aws eu, gbPerHour: 0.5}",
         Traffic(environment="aws eu", gb_per_hour=0.5)),
        ("{toWorkload: web, gbPerHour: 0}", Traffic(workload="shop-web", gb_per_hour=0)),
    ],
)  # fmt: skip
def test_a_traffic(written, found):
    assert placed("traffic", written).traffic == (found,)


@pytest.mark.parametrize(
    ("written", "field", "reason"),
    [
        ("{gbPerHour: 1}", "", "must have one of the keys toEnvironment, toWorkload"),
        ("{toEnvironment: a, toWorkload: web, gbPerHour: 1}", "", "must have one of the keys"),
        ("{toEnvironment: a}", ".gbPerHour", "is missing"),
        ("{toEnvironment: '', gbPerHour: 1}", ".toEnvironment", "must have 1 to 63 characters"),
        ("{toEnvironment: a, gbPerHour: -1}", ".gbPerHour", "is not a number"),
        ("{toEnvironment: a, gbPerHour: 1e}", ".gbPerHour", "is not a number"),
        ("{toEnvironment: a, gbPerHour: 1000000001}", ".gbPerHour", "must be at most 1000000000"),
        ("{toEnvironment: a, gbperhour: 1}", ".gbperhour", "did you mean gbPerHour?"),
    ],
)
def test_what_is_no_traffic(written, field, reason):
    found = refusals(f"x-placement: {{traffic: [{written}]}}")
    assert [(4, f"x-placement.traffic[0]{field}", True)] == [
        (line, at, reason in said) for line, at, said in found if reason in said
    ]
