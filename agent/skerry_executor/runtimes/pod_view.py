"""Pods of ours as they are at one moment: what we wrote of them, and what the CRI tells of them.

Only looks. A pod whose record was lost is known by its manifest, and one whose manifest is gone
too by what its sandbox says of itself, as long as anything of it runs.
"""

from __future__ import annotations

from collections.abc import Iterator

from skerry_executor import specs
from skerry_executor.actual import Actual, Phase
from skerry_executor.runtimes import inspection, pod_records, pods
from skerry_executor.runtimes.cri import Cri, Listed, Sandbox, State, Status
from skerry_executor.runtimes.pod_files import PREFIX, PodFiles
from skerry_executor.runtimes.pod_records import Member, Record
from skerry_wire.frozen import frozen

_ORDINARY_ENDS = ("", "Completed", "Error")


@frozen(kw_only=True)
class Pod:
    """A pod of ours. `restart` is its policy, in Kubernetes' words."""

    name: str
    uid: str
    members: dict[str, Member]
    record: Record | None
    published: bool
    restart: str


class View:
    """What there was when it was looked. Every look may raise RuntimeFailure."""

    def __init__(
        self,
        cri: Cri,
        pods: tuple[Pod, ...],
        sandboxes: tuple[Sandbox, ...],
        listed: tuple[Listed, ...],
    ) -> None:
        """See `of`."""
        self._cri = cri
        self.pods = pods
        self._sandboxes = sandboxes
        self._listed = listed

    @classmethod
    def of(cls, cri: Cri, files: PodFiles) -> View:
        """Look at everything."""
        # The files first: what is withdrawn meanwhile then only looks as if it still ended.
        found = [*_recorded(files), *_unrecorded(files)]
        sandboxes = cri.sandboxes()
        listed = cri.containers()
        found += _left(found, sandboxes, listed)
        return cls(cri, tuple(found), sandboxes, listed)

    @staticmethod
    def listed(cri: Cri, uid: str) -> list[Listed]:
        """Return the containers of one pod."""
        own = {one.id for one in cri.sandboxes() if one.uid == uid}
        return [one for one in cri.containers() if one.sandbox in own]

    def find(self, reference: str) -> tuple[Pod, Member] | None:
        """Return the container with a name or id, and its pod."""
        for pod in self.pods:
            for member in pod.members.values():
                if reference in (member.id, member.name):
                    return pod, member
        return None

    def newest(self, pod: Pod, member: Member) -> Listed | None:
        """Return what runs, or ran last, of a container."""
        own = {one.id for one in self._sandboxes if one.uid == pod.uid}
        name = member.labels.get(specs.CONTAINER, "")
        tries = (one for one in self._listed if one.sandbox in own and one.name == name)
        return max(tries, key=lambda one: (one.created_ns, one.attempt), default=None)

    def actual(self, pod: Pod, member: Member) -> Actual | None:
        """Return how a container is; None for one that is none of ours."""
        seen = self.newest(pod, member)
        status = None if seen is None else self._cri.status(seen.id)
        if seen is None or status is None:
            return _unseen(pod, member)
        phase = _phase(pod, member, status)
        over = phase in (Phase.EXITED, Phase.RESTARTING)
        words = f"{status.reason}: {status.message}".strip(": ")
        running = phase is Phase.RUNNING
        return pod_records.actual_of(
            member,
            phase=phase,
            pid=status.pid if running else None,
            exit_code=status.exit_code if over else None,
            restarts=seen.attempt,
            started_at=status.started_at,
            health=pod_records.health_of(member, phase),
            error=None if status.reason in _ORDINARY_ENDS else words[:300],
            address=self._address(pod, seen) if running else None,
        )

    def _address(self, pod: Pod, seen: Listed) -> str | None:
        shared = pod.record is not None and pod.record.frame.get("hostNetwork")
        return inspection.LOOPBACK if shared else self._cri.address(seen.sandbox)


def is_over(state: State) -> bool:
    """Say whether a container in this state has ended."""
    return state in (State.EXITED, State.UNKNOWN)


def _recorded(files: PodFiles) -> Iterator[Pod]:
    for record in files.records():
        manifest = files.published(record.name)
        yield Pod(
            name=record.name,
            uid=record.uid,
            members=record.members,
            record=record,
            published=manifest is not None and _uid_in(manifest) == record.uid,
            restart=str(record.frame.get("restartPolicy", "Always")),
        )


def _unrecorded(files: PodFiles) -> Iterator[Pod]:
    known = {record.name for record in files.records()}
    for name in files.orphans(known):
        manifest = files.published(name) or {}
        metadata, spec = manifest.get("metadata"), manifest.get("spec")
        annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
        restart = spec.get("restartPolicy") if isinstance(spec, dict) else None
        yield Pod(
            name=name,
            uid=_uid_in(manifest),
            members=pod_records.told_of(annotations if isinstance(annotations, dict) else {}),
            record=None,
            published=True,
            restart=str(restart),
        )


def _left(
    found: list[Pod], sandboxes: tuple[Sandbox, ...], listed: tuple[Listed, ...]
) -> Iterator[Pod]:
    """Yield the pods of which only what runs is left."""
    uids = {pod.uid for pod in found}
    ids = {member.id for pod in found for member in pod.members.values()}
    running = {one.sandbox for one in listed if one.state is State.RUNNING}
    for sandbox in sandboxes:
        if sandbox.uid in uids or sandbox.id not in running:
            continue
        if pods.CONTAINERS not in sandbox.annotations:
            continue
        members = pod_records.told_of(sandbox.annotations)
        if any(member.id in ids for member in members.values()):
            continue  # an earlier pod of one that is there, as it ends
        instance = sandbox.annotations.get(specs.INSTANCE, "")
        yield Pod(
            name=f"{PREFIX}{instance}",
            uid=sandbox.uid,
            members=members,
            record=None,
            published=False,
            restart="Never",
        )


def _uid_in(manifest: pods.Plain) -> str:
    metadata = manifest.get("metadata")
    return str(metadata.get("uid", "")) if isinstance(metadata, dict) else ""


def _unseen(pod: Pod, member: Member) -> Actual | None:
    if pod.published:
        error = "the kubelet has not started it yet; if it stays so, its log says why"
        return pod_records.actual_of(member, phase=Phase.CREATED, error=error)
    if member.ended is None:
        return pod_records.actual_of(member, phase=Phase.CREATED)
    return pod_records.actual_of(member, phase=Phase.EXITED, exit_code=member.ended)


def _phase(pod: Pod, member: Member, status: Status) -> Phase:
    if status.state is State.RUNNING:
        return Phase.RUNNING
    if status.state is State.CREATED:
        return Phase.CREATED
    if not pod.published:
        return Phase.EXITED
    if member.container.get("restartPolicy") == "Always":
        return Phase.RESTARTING
    ended_well = status.exit_code == 0
    if pod.restart == "Never" or (ended_well and (member.first or pod.restart == "OnFailure")):
        return Phase.EXITED
    return Phase.RESTARTING
