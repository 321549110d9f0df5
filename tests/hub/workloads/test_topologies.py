"""Affinity, spread and at most so many, of `x-placement`."""

import pytest
from tests.hub.workloads.samples import parse_text, problems, refusals, workload

from skerry_hub.terms import Affinity, AtMost, Spread


def placed(key, written):
    return workload(f"x-placement: {{{key}: {written}}}").placement


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("{workload: other-db}", Affinity(workload="other-db")),
        ("{workload: web}", Affinity(workload="shop-web")),
        ("{workload: shop-web, topology: site}", Affinity(workload="shop-web", topology="site")),
        ("{selector: 'tier=db, stage!=test', weight: 7}",
         Affinity(selector="tier=db, stage!=test", weight=7)),
        ("{selector: gpu, topology: example.com/rack}",
         Affinity(selector="gpu", topology="example.com/rack")),
    ],
)  # fmt: skip
def test_an_affinity(written, found):
    assert placed("affinity", f"[{written}]").affinity == (found,)
    (opposite,) = placed("antiAffinity", f"[{written}]").affinity
    assert opposite.anti
    assert str(opposite) == str(found).replace("affinity", "antiAffinity")


def test_a_service_of_the_same_file_goes_by_its_short_name():
    text = (
        "services:\n"
        "  web: {image: x, x-placement: {affinity: [{workload: my-db}], latency:"
        " [{to: workload/my-db, max: 5ms}], traffic: [{toWorkload: my-db, gbPerHour: 1}]}}\n"
        "  my-db: {image: y}\n"
    )
    web, _ = parse_text(text)
    assert web.placement.affinity[0].workload == "shop-my-db"
    assert web.placement.latency[0].name == "shop-my-db"
    assert web.placement.traffic[0].workload == "shop-my-db"


def test_a_name_that_no_workload_can_have():
    text = (
        "services:\n  web: {image: x, x-placement: {affinity: [{workload: dbs}]}}\n"
        "  db: {image: y}\n"
    )
    assert problems(text) == [
        (
            2,
            "services.web.x-placement.affinity[0].workload",
            "'dbs' is not a service of this file or a workload, <project>-<service>;"
            " did you mean db?",
        )
    ]


@pytest.mark.parametrize(
    ("written", "field", "reason"),
    [
        ("{}", "", "must have one of the keys workload, selector"),
        ("{workload: web, selector: a=b}", "", "must have one of the keys workload, selector"),
        ("{workload: Web}", ".workload", "'Web' is not a name"),
        ("{selector: a==b=c}", ".selector", "'a==b=c' is neither key=value"),
        ("{selector: ''}", ".selector", "is empty"),
        ("{selector: {a: b}}", ".selector", "must be a text, not a mapping"),
        ("{workload: web, topology: node.labels.site}", ".topology", "write 'site', without"),
        ("{workload: web, topology: a b}", ".topology", "must be [PREFIX/]NAME"),
        ("{workload: web, weight: 0}", ".weight", "from 1 to 100"),
        ("{workload: web, weight: 101}", ".weight", "from 1 to 100"),
        ("{workload: web, topologyKey: a}", ".topologyKey", "write `topology`"),
        ("{workload: web, wieght: 1}", ".wieght", "did you mean weight?"),
    ],
)
def test_what_is_no_affinity(written, field, reason):
    for key in ("affinity", "antiAffinity"):
        ((line, at, said),) = refusals(f"x-placement: {{{key}: [{written}]}}")
        assert (line, at) == (4, f"x-placement.{key}[0]{field}")
        assert reason in said


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("{topology: site}", Spread(topology="site")),
        ("{topology: node, maxSkew: 2, whenUnsatisfiable: DoNotSchedule}",
         Spread(topology="node", max_skew=2)),
        ("{topology: a, whenUnsatisfiable: ScheduleAnyway}", Spread(topology="a", weight=50)),
        ("{topology: a, whenUnsatisfiable: ScheduleAnyway, weight: 3}",
         Spread(topology="a", weight=3)),
        ("{topology: a, weight: 3}", Spread(topology="a", weight=3)),
        ("{topology: a, weights: {x: 2, y: 1}}", Spread(topology="a", weights={"x": 2, "y": 1})),
    ],
)  # fmt: skip
def test_a_spread(written, found):
    assert placed("spread", f"[{written}]").spread == (found,)


@pytest.mark.parametrize(
    ("written", "field", "reason"),
    [
        ("{}", ".topology", "is missing"),
        ("{topology: a, maxSkew: 0}", ".maxSkew", "from 1 to 1000000"),
        ("{topology: a, whenUnsatisfiable: Never}", ".whenUnsatisfiable", "must be one of DoNot"),
        ("{topology: a, whenUnsatisfiable: DoNotSchedule, weight: 1}", ".weight", "makes a wish"),
        ("{topology: a, weight: 101}", ".weight", "from 1 to 100"),
        ("{topology: a, weights: [x]}", ".weights", "must be a mapping"),
        ("{topology: a, weights: {x: 0}}", ".weights.x", "from 1 to 1000"),
        ("{topology: a, labelSelector: {}}", ".labelSelector", "own instances are spread"),
    ],
)
def test_what_is_no_spread(written, field, reason):
    ((line, at, said),) = refusals(f"x-placement: {{spread: [{written}]}}")
    assert (line, at) == (4, f"x-placement.spread[0]{field}")
    assert reason in said


def test_at_most_so_many():
    assert placed("maxPer", "{node: 1, site: 3}").at_most == (
        AtMost(topology="node", count=1),
        AtMost(topology="site", count=3),
    )


@pytest.mark.parametrize(
    ("written", "field", "reason"),
    [
        ("{node: 0}", ".node", "from 1 to 1000000"),
        ("{node: one}", ".node", "from 1 to 1000000"),
        ("{node: }", ".node", "is empty"),
        ("{a b: 1}", ".a b", "must be [PREFIX/]NAME"),
    ],
)
def test_what_is_no_limit(written, field, reason):
    ((line, at, said),) = refusals(f"x-placement: {{maxPer: {written}}}")
    assert (line, at) == (4, f"x-placement.maxPer{field}")
    assert reason in said
