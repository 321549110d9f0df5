"""Deployments, daemon sets, jobs: how many, how they are updated, how they end."""

import pytest
from tests.hub.workloads.kubernetes.samples import parse_text, problems

from skerry_hub.lifecycle import Update
from skerry_wire.lifecycle import Job

TEMPLATE = (
    "selector: {matchLabels: {app: one}}, "
    "template: {metadata: {labels: {app: one}}, spec: {containers: [{name: web, image: x}]}}"
)
ENDS = "template: {spec: {restartPolicy: Never, containers: [{name: web, image: x}]}}"


def text(kind, spec, template=TEMPLATE):
    group = {"Deployment": "apps/v1", "DaemonSet": "apps/v1"}.get(kind, "batch/v1")
    return (
        f"apiVersion: {group}\nkind: {kind}\nmetadata: {{name: one}}\n"
        f"spec: {{{', '.join(filter(None, (spec, template)))}}}\n"
    )


@pytest.mark.parametrize(
    ("kind", "spec", "update"),
    [
        ("Deployment", "", Update()),
        ("Deployment", "strategy: {type: Recreate}", Update(strategy="at-once")),
        (
            "Deployment",
            "strategy: {rollingUpdate: {maxUnavailable: 10%}}, minReadySeconds: 3",
            Update(max_unavailable="10%", settle_s=3.0),
        ),
        ("Deployment", "progressDeadlineSeconds: 60", Update(deadline_s=60.0)),
        ("DaemonSet", "", Update(max_unavailable="1")),
        ("DaemonSet", "updateStrategy: {rollingUpdate: {maxUnavailable: 3}}",
         Update(max_unavailable="3")),
    ],
)  # fmt: skip
def test_how_an_update_goes(kind, spec, update):
    (found,) = parse_text(text(kind, spec))
    assert found.lifecycle.update == update
    assert found.mode == ("global" if kind == "DaemonSet" else "replicated")


def test_replicas_may_be_none():
    assert parse_text(text("Deployment", "replicas: 0"))[0].replicas == 0


def test_jobs():
    (found,) = parse_text(text("Job", "parallelism: 3, backoffLimit: 0", ENDS))
    assert (found.replicas, found.lifecycle.job) == (3, Job(retries=0))
    assert found.containers[0].restart == "no"
    cron = f"schedule: '@daily', jobTemplate: {{spec: {{{ENDS}}}}}"
    (found,) = parse_text(text("CronJob", cron, ""))
    assert found.lifecycle.job == Job(schedule="@daily")


@pytest.mark.parametrize(
    ("written", "field", "reason"),
    [
        (text("Deployment", "replicas: -1"), "spec.replicas", "from 0 to 100000"),
        (text("Deployment", "paused: true"), "spec.paused", "skerry rollout pause"),
        (text("Deployment", "strategy: {rollingUpdate: {maxSurge: 50%}}"),
         "spec.strategy.rollingUpdate.maxSurge", "must be 0"),
        (text("DaemonSet", "updateStrategy: {type: OnDelete}"), "spec.updateStrategy.type",
         "must be RollingUpdate"),
        (text("Deployment", "", ""), "spec.template", "is missing"),
        (text("Job", "", ENDS.replace("restartPolicy: Never, ", "")),
         "spec.template.spec.restartPolicy", "Never or OnFailure"),
        (text("Job", "completions: 5, parallelism: 2", ENDS), "spec.completions", "the same"),
        (text("Job", "suspend: true", ENDS), "spec.suspend", "apply it when it shall run"),
        (text("CronJob", f"schedule: noon, jobTemplate: {{spec: {{{ENDS}}}}}", ""),
         "spec.schedule", "is not a schedule"),
        (text("CronJob", f"schedule: '@daily', timeZone: Asia/Tokyo, "
              f"jobTemplate: {{spec: {{{ENDS}}}}}", ""), "spec.timeZone", "must be UTC or Etc/UTC"),
        (text("CronJob", f"schedule: '@daily', concurrencyPolicy: Replace, "
              f"jobTemplate: {{spec: {{{ENDS}}}}}", ""), "spec.concurrencyPolicy",
         "must be Forbid"),
    ],
)  # fmt: skip
def test_what_is_refused(written, field, reason):
    found = problems(written)
    assert [at for _, at, _ in found][:1] == [field]
    assert reason in found[0][2]
