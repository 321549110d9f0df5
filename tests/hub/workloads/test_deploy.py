"""Replicas, reservations, limits and constraints."""

import pytest
from tests.hub.workloads.samples import refusals, workload

from skerry_hub.model import Resources
from skerry_hub.terms import AtMost, Placement, Spread


def test_what_is_not_said_is_one_replica_without_reservations():
    found = workload("deploy:")
    assert (found.mode, found.replicas, found.resources) == ("replicated", 1, Resources())


@pytest.mark.parametrize(
    ("part", "replicas"),
    [
        ("deploy: {replicas: 3}", 3),
        ('deploy: {replicas: "0"}', 0),
        ("scale: 4", 4),
        ("scale: 2\ndeploy: {replicas: 2}", 2),
    ],
)
def test_replicas(part, replicas):
    assert workload(part).replicas == replicas


def test_reservations_and_limits():
    found = workload(
        "deploy: {resources: {limits: {cpus: 2, memory: 1G},"
        " reservations: {cpus: '0.5', memory: 1M, x-storage: 2G, x-other: ignored}}}"
    )
    assert found.resources == Resources(cpu_milli=500, memory_bytes=2**20, storage_bytes=2 * 2**30)
    (container,) = found.containers
    assert (container.cpu_limit_milli, container.memory_limit_bytes) == (2000, 2**30)


def test_the_services_own_keys_say_the_same():
    found = workload("cpus: 2\nmem_limit: 1g\nmem_reservation: 1m")
    assert found.resources.memory_bytes == 2**20
    (container,) = found.containers
    assert (container.cpu_limit_milli, container.memory_limit_bytes) == (2000, 2**30)
    both = "cpus: 2.0\ndeploy: {resources: {limits: {cpus: '2'}}}"
    assert workload(both).containers[0].cpu_limit_milli == 2000


def test_processes_are_limited_at_either_place():
    of_service = workload("pids_limit: 100").containers[0]
    of_deploy = workload("deploy: {resources: {limits: {pids: 100}}}").containers[0]
    assert of_service.pids_limit == of_deploy.pids_limit == 100
    assert workload("cpus: 1").containers[0].pids_limit is None


def test_labels_of_both_kinds_select_the_workload():
    found = workload("labels: {a: 1, b: 2}\ndeploy: {labels: ['b=3', 'c']}")
    assert found.labels == {"a": "1", "b": "3", "c": ""}
    assert found.containers[0].labels == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("node.labels.site == quay-3", ("node.labels.site", "==", "quay-3")),
        ("node.labels.a.b/c!=x y", ("node.labels.a.b/c", "!=", "x y")),
        ("  node.id==box-1  ", ("node.id", "==", "box-1")),
        ("node.hostname != b", ("node.hostname", "!=", "b")),
        ("node.platform.arch == arm64", ("node.platform.arch", "==", "arm64")),
        ("node.platform.os == linux", ("node.platform.os", "==", "linux")),
    ],
)
def test_a_constraint(text, parts):
    (found,) = workload(f"deploy: {{placement: {{constraints: ['{text}']}}}}").constraints
    assert (found.key, found.operator, found.value) == parts


def test_swarms_own_words_for_spreading():
    found = workload(
        "deploy: {placement: {max_replicas_per_node: 2, preferences:"
        " [{spread: node.labels.site}, {spread: node.labels.example.com/rack}]}}"
    ).placement
    assert found == Placement(
        at_most=(AtMost(topology="node", count=2),),
        spread=(
            Spread(topology="site", weight=50),
            Spread(topology="example.com/rack", weight=50),
        ),
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("node.labels.site = x", "is not a constraint like"),
        ("node.labels.site", "is not a constraint like"),
        ("node.labels.site ==", "is not a constraint like"),
        ("== x", "is not a constraint like"),
        ("node.labels.site === x", "without quotes or a third ="),
        ('node.labels.site == \\"x\\"', "without quotes"),
        ("node.role == manager", "'node.role' is not one of node.id, node.hostname"),
        ("node.labels. == x", "is not one of"),
        ("engine.labels.os == x", "is not one of"),
        ("", "is not a constraint like"),
    ],
)
def test_what_is_no_constraint(text, reason):
    part = f'deploy:\n  placement:\n    constraints:\n      - "{text}"'
    ((line, field, said),) = refusals(part)
    assert (line, field) == (7, "deploy.placement.constraints[0]")
    assert reason in said


@pytest.mark.parametrize(
    ("part", "field", "reason"),
    [
        ("deploy: []", "deploy", "must be a mapping"),
        ("deploy: {mode: jobs}", "deploy.mode", "must be one of replicated, global"),
        (
            "deploy: {mode: global-job, replicas: 2}",
            "deploy.replicas",
            "is not for mode: global-job",
        ),
        ("deploy: {mode: both}", "deploy.mode", "must be one of replicated, global"),
        ("deploy: {replicas: -1}", "deploy.replicas", "from 0 to 100000"),
        ("deploy: {replicas: 100001}", "deploy.replicas", "from 0 to 100000"),
        ("deploy: {replicas: 1.5}", "deploy.replicas", "from 0 to 100000"),
        ("deploy: {replicas: 2, mode: global}", "deploy.replicas", "is not for mode: global"),
        ("scale: 2\ndeploy: {mode: global}", "scale", "is not for mode: global"),
        (
            "scale: 2\ndeploy: {replicas: 3}",
            "scale",
            "is '2' and differs from services.web.deploy.replicas on line 5, '3'",
        ),
        ("deploy: {restart_policy: {}}", "deploy.restart_policy", "use `restart` of the service"),
        ("deploy: {rollback_config: {}}", "deploy.rollback_config", "is not supported"),
        ("deploy: {resources: {limits: {pids: 0}}}", "deploy.resources.limits.pids", "from 1 to 4"),
        ("pids_limit: -1", "pids_limit", "must be a whole number from 1 to 4194304"),
        (
            "pids_limit: 5\ndeploy: {resources: {limits: {pids: 6}}}",
            "pids_limit",
            "differs from services.web.deploy.resources.limits.pids on line",
        ),
        ("deploy: {resources: {limits: {memory: 0}}}", "deploy.resources.limits.memory", "more th"),
        (
            "deploy: {resources: {reservations: {generic_resources: []}}}",
            "deploy.resources.reservations.generic_resources",
            "use `devices`",
        ),
        ("deploy: {resources: {reservation: {}}}", "deploy.resources.reservation", "reservations?"),
        ("deploy: {placement: {max_replicas_per_node: 0}}",
         "deploy.placement.max_replicas_per_node", "from 1 to 1000000"),
        ("deploy: {placement: {preferences: {}}}", "deploy.placement.preferences", "be a list"),
        ("deploy: {placement: {preferences: [{}]}}",
         "deploy.placement.preferences[0].spread", "is missing"),
        ("deploy: {placement: {preferences: [{spread: node.id}]}}",
         "deploy.placement.preferences[0].spread", "is not node.labels.<label>"),
        ("deploy: {placement: {preferences: [{spread: node.labels.}]}}",
         "deploy.placement.preferences[0].spread", "must be [PREFIX/]NAME"),
        ("deploy: {placement: {constraints: [node.id == a, node.id == b]}}",
         "deploy.placement.constraints[1]", "contradicts: no node can fulfil node.id == b"),
        ("deploy: {labels: 3}", "deploy.labels", "must be a mapping"),
        (
            "cpus: 1\ndeploy: {resources: {limits: {cpus: 2}}}",
            "cpus",
            "differs from services.web.deploy.resources.limits.cpus on line",
        ),
        (
            "mem_limit: 1m\ndeploy: {resources: {limits: {memory: 1g}}}",
            "mem_limit",
            "differs from services.web.deploy.resources.limits.memory on line",
        ),
        (
            "mem_limit: 1m\nmem_reservation: 2m",
            "services.web",
            "reserves more memory than its limit",
        ),
        (
            "cpus: 1\ndeploy: {resources: {reservations: {cpus: 2}}}",
            "services.web",
            "reserves more cpus than its limit",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_deployed(part, field, reason):
    ((_, at, said),) = refusals(part)
    assert at == field
    assert reason in said
