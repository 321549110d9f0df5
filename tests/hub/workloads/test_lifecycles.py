"""Jobs, leases, loss, updates, logs: how the instances of a service live."""

import pytest
from tests.hub.workloads.samples import container, refusals, workload

from skerry_hub.lifecycle import AS_USUAL, Lifecycle, Update
from skerry_wire.lifecycle import After, Job, LogLimits


def test_what_is_not_said_is_as_usual():
    assert workload("user: me").lifecycle == AS_USUAL
    assert workload("x-lifecycle: {}").lifecycle == AS_USUAL


def test_loss_and_leases():
    found = workload("x-lifecycle: {stopAfter: 1m, lostAfter: 15s, onSiteLoss: move}").lifecycle
    assert found == Lifecycle(lease_s=60.0, lost_after_s=15.0, on_site_loss="move")


@pytest.mark.parametrize(
    ("part", "mode", "job"),
    [
        ("deploy: {mode: replicated-job}", "replicated", Job()),
        ("deploy: {mode: global-job}\nx-lifecycle: {}", "global", Job()),
        (
            "deploy: {mode: global-job}\n"
            "x-lifecycle: {job: {retries: 0, deadline: 2h, schedule: ' */5  0 * * mon '}}",
            "global",
            Job(retries=0, deadline_s=7200.0, schedule="*/5 0 * * mon"),
        ),
        (
            "deploy: {mode: replicated-job}\nx-lifecycle: {job: {schedule: '@daily'}}",
            "replicated",
            Job(schedule="@daily"),
        ),
    ],
)
def test_a_job_runs_to_completion(part, mode, job):
    found = workload(part)
    assert (found.mode, found.lifecycle.job, found.containers[0].restart) == (mode, job, "no")


@pytest.mark.parametrize(
    ("part", "update"),
    [
        ("deploy: {update_config: {parallelism: 3}}", Update(max_unavailable="3")),
        ("deploy: {update_config: {parallelism: 0}}", Update(strategy="at-once")),
        (
            "deploy: {update_config: {failure_action: continue, monitor: 5s, order: stop-first}}",
            Update(on_failure="continue", settle_s=5.0),
        ),
        (
            "x-lifecycle: {update: {strategy: blue-green, settle: 1m, deadline: 2m}}",
            Update(strategy="blue-green", settle_s=60.0, deadline_s=120.0),
        ),
        (
            "x-lifecycle: {update: {strategy: canary, canary: 3, canaryPauses: true,"
            " waveBy: site, maxFailed: 2, maxUnavailable: 100%, onFailure: rollback}}",
            Update(
                strategy="canary",
                canary="3",
                canary_pauses=True,
                wave_by="site",
                max_failed=2,
                max_unavailable="100%",
                on_failure="rollback",
            ),
        ),
        (
            "deploy: {update_config: {parallelism: 2, monitor: 5s}}\n"
            "x-lifecycle: {update: {maxUnavailable: 2, waveBy: site}}",
            Update(max_unavailable="2", settle_s=5.0, wave_by="site"),
        ),
    ],
)
def test_how_an_update_goes(part, update):
    assert workload(part).lifecycle.update == update


@pytest.mark.parametrize(
    ("part", "limits"),
    [
        ("logging: {driver: local}", LogLimits()),
        ("logging: {options: {max-size: 64k, max-file: 5}}", LogLimits(max_bytes=65536, files=5)),
    ],
)
def test_logs_have_limits(part, limits):
    assert container(part).log == limits


@pytest.mark.parametrize(
    ("part", "field", "reason"),
    [
        ("x-lifecycle: {stopAfter: 5s}", "x-lifecycle.stopAfter", "must be 15s to 604800s"),
        ("x-lifecycle: {lostAfter: 1s}", "x-lifecycle.lostAfter", "must be 5s to 31622400s, not"),
        ("x-lifecycle: {onSiteLoss: stay}", "x-lifecycle.onSiteLoss", "one of hold, move"),
        ("x-lifecycle: {job: {}}", "x-lifecycle.job", "is for deploy.mode: replicated-job"),
        ("x-lifecycle: {tolerance: 1s}", "x-lifecycle.tolerance", "write `lostAfter`"),
        ("x-lifecycle: [a]", "x-lifecycle", "must be a mapping"),
        ("pid: host\nx-lifecycle: {stopAfter: 60s}", "pid", "cannot be host with stopAfter"),
        ("restart: always\ndeploy: {mode: global-job}", "restart", "must be no for a job"),
        (
            "deploy: {mode: global-job}\nx-lifecycle: {stopAfter: 60s}",
            "x-lifecycle.stopAfter",
            "is not for jobs",
        ),
        (
            "deploy: {mode: global-job}\nx-lifecycle: {job: {schedule: noon}}",
            "x-lifecycle.job.schedule",
            "is not a schedule",
        ),
        (
            "x-lifecycle: {update: {canary: 1}}",
            "x-lifecycle.update.canary",
            "is for strategy: canary",
        ),
        (
            "x-lifecycle: {update: {maxUnavailable: 0}}",
            "x-lifecycle.update.maxUnavailable",
            "is neither a number from 1 nor a part",
        ),
        (
            "x-lifecycle: {update: {maxUnavailable: 101%}}",
            "x-lifecycle.update.maxUnavailable",
            "is neither",
        ),
        (
            "x-lifecycle: {update: {waveBy: node.labels.site}}",
            "x-lifecycle.update.waveBy",
            "write 'site', without node.labels.",
        ),
        (
            "deploy: {update_config: {order: start-first}}",
            "deploy.update_config.order",
            "use x-lifecycle.update.strategy: blue-green",
        ),
        ("deploy: {update_config: {delay: 1s}}", "deploy.update_config.delay", "use `monitor`"),
        ("logging: {driver: syslog}", "logging.driver", "must be one of json-file"),
        ("logging: {options: {max-size: 1}}", "logging.options.max-size", "must be 4k to 1024g"),
    ],
)
def test_what_is_refused(part, field, reason):
    ((_, at, said),) = refusals(part)
    assert at == field
    assert reason in said


@pytest.mark.parametrize("key", ["maxUnavailable: 3", "settle: 1s", "strategy: rolling"])
def test_two_places_must_say_the_same(key):
    config = (
        "{parallelism: 0, monitor: 2s}" if "strategy" in key else "{parallelism: 2, monitor: 2s}"
    )
    ((_, at, said),) = refusals(
        f"deploy: {{update_config: {config}}}\nx-lifecycle: {{update: {{{key}}}}}"
    )
    assert at == f"x-lifecycle.update.{key.partition(':')[0]}"
    assert "differs from" in said


@pytest.mark.parametrize(
    ("written", "field", "reason"),
    [
        ("{condition: x}", "condition", "must be one of service_started"),
        ("{required: false}", "required", "must be true"),
        ("{restart: true}", "restart", "must be false"),
    ],
)
def test_what_a_dependency_may_say(written, field, reason):
    (_, at, said), *_ = refusals(f"depends_on: {{web: {written}}}")
    assert at == f"depends_on.web.{field}"
    assert reason in said


def test_dependencies_in_both_forms():
    text = "depends_on: {web: {condition: service_completed_successfully}}"
    assert "is the container itself" in refusals(text)[0][2]
    assert "is not a container of the same workload" in refusals("depends_on: [db]")[0][2]
    assert After(container="db").condition == "started"
