"""Which workloads use which secrets, and what a secret's change means for them. Pure.

Contents come and go locked: nothing here could open one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from skerry_hub.model import Workload
from skerry_hub.overlay import Overlay
from skerry_hub.sealed_parts import mapped, named, registry_of
from skerry_hub.secret_records import (
    KEPT_VERSIONS,
    MAX_SECRETS,
    MAX_VERSIONS,
    Secret,
    SecretVersion,
)
from skerry_hub.state import Draft
from skerry_hub.views import Problem
from skerry_hub.work import RefusedError, Work
from skerry_hub.workloads.source import NOWHERE, Source
from skerry_wire.lifecycle import Sealed


@dataclasses.dataclass(frozen=True, slots=True)
class Uses:
    """Who uses what: workloads with their versions by secret, and workloads by registry."""

    by_secret: Mapping[str, Mapping[str, set[str]]]
    by_registry: Mapping[str, set[str]]

    def of(self, secret: Secret) -> dict[str, set[str]]:
        """Return the versions of a secret that workloads use, by the workloads' names.

        What is pulled with a registry's credentials has always the newest.
        """
        found = dict(self.by_secret.get(secret.name, {}))
        if secret.registry:
            newest = {secret.newest.id}
            found |= dict.fromkeys(self.by_registry.get(secret.registry, ()), newest)
        return found


def uses_of(workloads: Iterable[Workload]) -> Uses:
    """Return which secrets and registries workloads use; one look at each."""
    secrets: dict[str, dict[str, set[str]]] = {}
    registries: dict[str, set[str]] = {}
    for workload in workloads:
        for container in workload.containers:
            registries.setdefault(registry_of(container), set()).add(workload.name)
        for _, sealed in named(workload.containers):
            by = secrets.setdefault(sealed.name, {})
            by.setdefault(workload.name, set()).add(sealed.version)
    return Uses(secrets, registries)


def users(draft: Draft, secret: Secret) -> dict[str, set[str]]:
    """Return the versions of a secret that workloads use, by the workloads' names."""
    # What instances have while a rollout has not come to them is used, too.
    former = draft.updates.contents.values()
    wanted = (kept.workload for kept in draft.workloads.values())
    return uses_of((*wanted, *former)).of(secret)


def with_versions(
    work: Work,
    workloads: Sequence[Workload],
    sources: Mapping[str, Source],
    *,
    anew: bool = True,
) -> tuple[Workload, ...]:
    """Return workloads that name each secret's newest version.

    Without `anew` (an undo) a version that they name already stays, as long as it is kept.
    Raises RefusedError where one names a secret that is none, or a registry's.
    """
    secrets = work.draft.secrets
    if secrets is None:
        return tuple(workloads)  # a simulation: a fleet's file has no secrets
    problems = []
    for workload in workloads:
        source = sources.get(workload.name, NOWHERE)
        for place, sealed in named(workload.containers):
            kept = secrets.get(sealed.name)
            if kept is None:
                why = f"there is no secret {sealed.name}: make it with skerry secret create"
                problems.append(source.problem(why, place))
            elif kept.registry:
                why = f"{sealed.name} is for the registry {kept.registry}, and no workload's"
                problems.append(source.problem(why, place))
    if problems:
        raise RefusedError(400, *problems)
    newest = {kept.name: kept.newest.id for kept in secrets.values()}
    there = {(kept.name, one.id) for kept in secrets.values() for one in kept.versions}
    kept_ones = frozenset() if anew else frozenset(there)
    return tuple(_pinned(workload, newest, kept_ones) for workload in workloads)


def _pinned(
    workload: Workload, newest: Mapping[str, str], stay: frozenset[tuple[str, str]]
) -> Workload:
    if not any(True for _ in named(workload.containers)):
        return workload

    def pin(sealed: Sealed) -> Sealed:
        if (sealed.name, sealed.version) in stay:
            return sealed
        return Sealed(name=sealed.name, version=newest[sealed.name])

    return dataclasses.replace(
        workload, containers=tuple(mapped(one, pin) for one in workload.containers)
    )


# --- changes ---------------------------------------------------------------------------------


def put(work: Work, name: str, registry: str, version: SecretVersion) -> Secret:
    """Keep a new version of a secret, and of the old ones those that are used, and the newest.

    Raises RefusedError where there are too many, or the name is another one's.
    """
    secrets = _kept(work)
    before = secrets.get(name)
    if before is None and sum(1 for _ in secrets.values()) >= MAX_SECRETS:
        raise RefusedError(409, Problem(reason=f"there are {MAX_SECRETS} secrets already"))
    if before is not None and before.registry != registry:
        raise RefusedError(409, Problem(reason=f"the name {name} is taken", field="name"))
    by = {} if before is None else users(work.draft, before)
    used = {one for versions in by.values() for one in versions}
    old = () if before is None else before.versions
    last = {one.id for one in old[-KEPT_VERSIONS:]}
    stay = tuple(one for one in old if one.id in used or one.id in last)
    if len(stay) >= MAX_VERSIONS:
        reason = f"{len(stay)} versions of {name} are in use: apply the workloads that use it anew"
        raise RefusedError(409, Problem(reason=reason))
    after = Secret(
        name=name,
        registry=registry,
        created_at=work.now if before is None else before.created_at,
        versions=(*stay, version),
    )
    secrets.put(name, after)
    if registry:
        _touch(work, registry)
    return after


def delete(work: Work, name: str) -> Secret:
    """Take a secret away. Raises RefusedError where there is none, or a workload uses it."""
    secrets = _kept(work)
    before = secrets.get(name)
    if before is None:
        raise RefusedError(404, Problem(reason=f"there is no secret {name[:80]}"))
    by = [] if before.registry else sorted(users(work.draft, before))
    if by:
        more = f" and {len(by) - 8} more" if len(by) > 8 else ""
        reason = f"secret {name} is used by {', '.join(by[:8])}{more}"
        raise RefusedError(409, Problem(reason=reason))
    secrets.remove(name)
    if before.registry:
        _touch(work, before.registry)
    return before


def _kept(work: Work) -> Overlay[str, Secret]:
    if work.draft.secrets is None:
        raise RefusedError(409, Problem(reason="no secrets are kept here"))
    return work.draft.secrets


def _touch(work: Work, registry: str) -> None:
    """Look whether the nodes that have images of a registry need other orders now."""
    for kept in list(work.draft.workloads.values()):
        if any(registry_of(one) == registry for one in kept.workload.containers):
            for assignment in work.draft.of_workload(kept.workload.name):
                work.draft.touched.add(assignment.node)
