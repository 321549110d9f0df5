"""One object of a manifest into a workload: Pod, Deployment, DaemonSet, Job, CronJob. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from skerry_hub.lifecycle import Update
from skerry_hub.model import Workload
from skerry_hub.workloads.deploy import MAX_REPLICAS
from skerry_hub.workloads.keys import Keys
from skerry_hub.workloads.kubernetes import selectors
from skerry_hub.workloads.kubernetes.keys import (
    CRON_JOB,
    CRON_JOB_SPEC,
    DAEMON_SET,
    DAEMON_SET_SPEC,
    DEPLOYMENT,
    DEPLOYMENT_SPEC,
    JOB,
    JOB_SPEC,
    JOB_TEMPLATE,
    METADATA,
    POD,
    ROLLING,
    STRATEGY,
    TEMPLATE,
)
from skerry_hub.workloads.kubernetes.pods import Names, PodSpec, pod_spec
from skerry_hub.workloads.kubernetes.scalars import string, strings
from skerry_hub.workloads.kubernetes.values import count, name, only
from skerry_hub.workloads.lifecycles import schedule, some
from skerry_hub.workloads.places import Places, beside_places
from skerry_hub.workloads.problems import RefusedError, short
from skerry_hub.workloads.reading import Section, Value, entries, literal
from skerry_wire.lifecycle import Job

YEAR_S = 366 * 86400
DAY_S = 86400
_HOOK = "helm.sh/hook"
_USUAL_SURGE = "25%"
_USUAL_CONCURRENCY = "Allow"
"""What an API server writes by itself."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What an object is called."""

    name: str
    namespace: str
    labels: Mapping[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Made:
    """A workload, and where its fields stand."""

    workload: Workload
    places: Places

    def but(self, **changes: Any) -> Made:
        """Return it with other fields of the workload."""
        return Made(dataclasses.replace(self.workload, **changes), self.places)


def metadata(value: Value) -> Metadata:
    """Read the metadata of an object."""
    section = Section(value, METADATA)
    annotations = section.get("annotations", strings, {}, empty_ok=True)
    if _HOOK in annotations:
        section.warn("annotations", f"{_HOOK} is ignored: it is applied like all else")
    return Metadata(
        name=section.need("name", name, ""),
        namespace=section.get("namespace", string, "", empty_ok=True),
        labels=section.get("labels", strings, {}, empty_ok=True),
    )


def _pod(root: Value, names: Names) -> Made:
    section = Section(root, POD)
    found = section.need("spec", lambda one: pod_spec(one, names, is_job=False), None)
    return _workload(found, names)


def _deployment(root: Value, names: Names) -> Made:
    spec = _spec(root, DEPLOYMENT, DEPLOYMENT_SPEC)
    found, names = _templated(spec, names, is_job=False)
    usual = found.lifecycle.update if found is not None else Update()
    update = spec.get("strategy", lambda one: _strategy(one, usual, may_recreate=True), usual)
    deadline = spec.get("progressDeadlineSeconds", count(1, DAY_S), None)
    if deadline is not None:
        update = dataclasses.replace(update, deadline_s=float(deadline))
    made = _workload(found, names, update=_settling(spec, update))
    replicas = spec.get("replicas", count(0, MAX_REPLICAS), 1)
    return made.but(replicas=replicas)


def _daemon_set(root: Value, names: Names) -> Made:
    spec = _spec(root, DAEMON_SET, DAEMON_SET_SPEC)
    found, names = _templated(spec, names, is_job=False)
    usual = found.lifecycle.update if found is not None else Update()
    if "updateStrategy" not in spec:
        usual = dataclasses.replace(usual, max_unavailable="1")
    update = spec.get(
        "updateStrategy", lambda one: _strategy(one, usual, may_recreate=False), usual
    )
    made = _workload(found, names, update=_settling(spec, update))
    return made.but(mode="global")


def _settling(spec: Section, update: Update) -> Update:
    settle = spec.get("minReadySeconds", count(0, DAY_S), None)
    return update if settle is None else dataclasses.replace(update, settle_s=float(settle))


def _job(root: Value, names: Names) -> Made:
    return _of_job(_spec(root, JOB, JOB_SPEC), names, "")


def _cron_job(root: Value, names: Names) -> Made:
    spec = _spec(root, CRON_JOB, CRON_JOB_SPEC)
    usual = _USUAL_CONCURRENCY
    if spec.get("concurrencyPolicy", only("Forbid", usual), None) == usual:
        spec.warn("concurrencyPolicy", "is taken as Forbid: it never runs twice at once")
    spec.get("timeZone", only("UTC", "Etc/UTC"), None)
    written = spec.need("schedule", lambda one: schedule(string(one)), "")

    def template(value: Value) -> Made:
        section = Section(value, JOB_TEMPLATE)
        section.get("metadata", lambda one: Section(one, METADATA), None)
        return section.need(
            "spec", lambda one: _of_job(Section(one, JOB_SPEC), names, written), _nothing(names)
        )

    return spec.need("jobTemplate", template, _nothing(names))


def _of_job(spec: Section, names: Names, written: str) -> Made:
    found, names = _templated(spec, names, is_job=True)
    made = _workload(found, names)
    parallelism = spec.get("parallelism", count(1, MAX_REPLICAS), 1)
    completions = spec.get("completions", count(1, MAX_REPLICAS), parallelism)
    if completions not in (1, parallelism) or (completions == 1 and parallelism > 1):
        spec.refuse("completions", "must be the same as parallelism: so many instances run")
    deadline = spec.get("activeDeadlineSeconds", count(1, YEAR_S), None)
    job = Job(
        retries=spec.get("backoffLimit", count(0, 1000), 3),
        deadline_s=None if deadline is None else float(deadline),
        schedule=written,
    )
    lifecycle = dataclasses.replace(made.workload.lifecycle, job=job)
    return made.but(replicas=parallelism, lifecycle=lifecycle)


def _spec(root: Value, outer: Keys, inner: Keys) -> Section:
    found = Section(root, outer).need("spec", lambda one: Section(one, inner), None)
    if found is None:
        raise RefusedError("cannot be read without its spec")
    return found


def _templated(spec: Section, names: Names, *, is_job: bool) -> tuple[PodSpec | None, Names]:
    labels: dict[str, str] = dict(names.labels)
    own_labels: dict[str, str] = {}

    def template(value: Value) -> PodSpec | None:
        section = Section(value, TEMPLATE)
        own = section.get("metadata", lambda one: Section(one, METADATA), None)
        if own is not None:
            own_labels.update(own.get("labels", strings, {}, empty_ok=True))
        labels.update(own_labels)
        inner = dataclasses.replace(names, labels=dict(labels))
        return section.need("spec", lambda one: pod_spec(one, inner, is_job=is_job), None)

    found = spec.need("template", template, None)
    if is_job:
        spec.get("selector", lambda one: tuple(entries(one)), None)
    else:
        selectors.check(spec.need("selector", selectors.selector, ()), own_labels)
    return found, dataclasses.replace(names, labels=labels)


def _strategy(value: Value, usual: Update, *, may_recreate: bool) -> Update:
    section = Section(value, STRATEGY)
    words = ("RollingUpdate", "Recreate") if may_recreate else ("RollingUpdate",)
    kind = section.get("type", only(*words), "RollingUpdate")
    if kind == "Recreate":
        return dataclasses.replace(usual, strategy="at-once")

    def rolling(inner: Value) -> str:
        found = Section(inner, ROLLING)
        if found.get("maxSurge", _surge, None) == _USUAL_SURGE:
            found.warn("maxSurge", "is taken as 0: a new instance takes the place of an old one")
        found.get("partition", only("0"), None)
        return found.get("maxUnavailable", lambda one: some(literal(one)), usual.max_unavailable)

    most = section.get("rollingUpdate", rolling, usual.max_unavailable)
    return dataclasses.replace(usual, max_unavailable=most)


def _surge(value: Value) -> str:
    found = literal(value)
    if found not in ("0", "0%", _USUAL_SURGE):
        raise RefusedError(
            f"must be 0, not {short(found)}: a new instance takes the place of an old one; write"
            " how many may be away at once as maxUnavailable"
        )
    return found


def _workload(found: PodSpec | None, names: Names, update: Update | None = None) -> Made:
    if found is None:
        return _nothing(names)
    lifecycle = found.lifecycle
    if update is not None:
        lifecycle = dataclasses.replace(lifecycle, update=update)
    resources = found.resources
    workload = Workload(
        name=names.workload,
        project=names.project,
        containers=found.containers,
        resources=dataclasses.replace(
            resources, devices=(*resources.devices, *found.beside.devices)
        ),
        constraints=found.constraints,
        expressions=tuple(dict.fromkeys(str(one) for _, one in found.beside.expressions)),
        tolerations=found.tolerations,
        labels=dict(names.labels),
        placement=found.beside.placement,
        lifecycle=lifecycle,
    )
    return Made(workload, {**found.places, **dict(beside_places(workload, found.beside))})


def _nothing(names: Names) -> Made:
    """Return what stands where problems have been noted; it is of no use."""
    return Made(Workload(name=names.workload, project=names.project, containers=()), {})


Read = Callable[[Value, Names], Made]
OBJECTS: Mapping[str, tuple[str, Read]] = {
    "Pod": ("v1", _pod),
    "Deployment": ("apps/v1", _deployment),
    "DaemonSet": ("apps/v1", _daemon_set),
    "Job": ("batch/v1", _job),
    "CronJob": ("batch/v1", _cron_job),
}
"""The kinds that become workloads, with their version; ConfigMap (v1) is read beside them."""
