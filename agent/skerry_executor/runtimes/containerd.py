"""containerd alone, for boxes that have nothing else: containers in the box's own network.

containerd's restart monitor is the supervisor: what carries its labels is started again after an
end and after a start of the box, without us. Images are the affair of the CRI, which containerd
serves too.
Nothing is mounted or run in our own process, which may do neither.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import time
from collections.abc import Callable, Iterator

from skerry_executor import specs
from skerry_executor.actual import Actual, CheckResult, Phase
from skerry_executor.cancel import Cancel
from skerry_executor.leftovers import Leftover
from skerry_executor.runtimes import (
    cgroups,
    containerd_box,
    containerd_exec,
    containerd_labels,
    containerd_view,
    oci,
    plain_log,
    rootfs_users,
)
from skerry_executor.runtimes.base import (
    Credentials,
    Failure,
    LogWish,
    Program,
    RuntimeFailure,
    Storage,
    StoredImage,
    Written,
)
from skerry_executor.runtimes.containerd_api import Containerd, Record, Status
from skerry_executor.runtimes.containerd_labels import Kept
from skerry_executor.runtimes.cri import Cri
from skerry_executor.runtimes.health_command import words_of
from skerry_executor.runtimes.health_result import Tail, result_of
from skerry_wire import runtime_limits
from skerry_wire.lifecycle import LogLimits, Usage
from skerry_wire.messages import Health
from skerry_wire.runtime_limits import RuntimeInUse
from skerry_wire.workload import Container, Instance

SHIM = "io.containerd.runc.v2"
KILL_S = 20.0
EXEC_S = 3600.0
KILL = 9
GC_ROOT = "containerd.io/gc.root"
"""What has this label is not taken for left over."""


def connect(socket_path: str, state: pathlib.Path, run: pathlib.Path) -> ContainerdRuntime:
    """Return the containerd behind a socket. Raises RuntimeFailure when there is none."""
    api = Containerd(socket_path)
    return ContainerdRuntime(api, Cri(socket_path), api.version(), state, run)


class ContainerdRuntime:
    """One containerd. Calls may come from several threads, for a container from one at a time."""

    # ruff: noqa: D102 - the protocol says what each is

    name = runtime_limits.CONTAINERD
    whole_instances = False
    spaces_restarts = counts_checks = False

    def __init__(
        self,
        api: Containerd,
        cri: Cri,
        version: tuple[int, ...],
        state: pathlib.Path,
        run: pathlib.Path,
    ) -> None:
        """`state` takes volumes and logs, and outlives a start of the box; `run` does not."""
        self._api = api
        self._cri = cri
        self._version = version
        self.counts_retries = version >= containerd_labels.POLICIES_SINCE
        self.in_use = RuntimeInUse(name=self.name, version=".".join(map(str, version)) or None)
        self._state = state
        self._run = run

    # --- looking -------------------------------------------------------------------------

    def storage(self) -> Storage:
        return Storage(containers=self._cri.storage(), volumes=self._state / "volumes")

    def containers(self, node: str) -> tuple[Actual, ...]:
        found = []
        for record in self._api.containers(specs.NODE, node):
            kept = containerd_labels.kept_in(record.labels)
            if kept is None:
                continue
            plain_log.limit(self._log(record.id), kept.log_bytes)
            if kept.started_at is not None and kept.ended is None:
                # What was cut off between its start and this; it is not about to end.
                self._supervise_running(record, kept)
            found.append(self._actual(record, kept))
        return tuple(one for one in found if one is not None)

    def container(self, reference: str) -> Actual | None:
        found = self._find(reference)
        return None if found is None else self._actual(*found)

    def _find(self, reference: str) -> tuple[Record, Kept] | None:
        """Return the container with an id or a name."""
        named = self._api.containers(containerd_labels.NAME, reference)
        record = named[0] if named else self._api.container(reference)
        kept = None if record is None else containerd_labels.kept_in(record.labels)
        return None if record is None or kept is None else (record, kept)

    def _actual(self, record: Record, kept: Kept) -> Actual | None:
        actual = containerd_view.actual_of(record, kept, self._api.task(record.id))
        if actual is None or actual.phase is not Phase.EXITED or kept.ended is not None:
            return actual
        # A boot takes the task, and with it how it ended: it would be taken for never started.
        end = containerd_labels.end_of(kept, actual.exit_code or 0)
        self._api.note(record.id, containerd_labels.ENDED, end)
        return actual

    # --- images --------------------------------------------------------------------------

    def has_image(self, image: str) -> bool:
        return self._cri.image(image) is not None

    def pull(
        self,
        image: str,
        credentials: Credentials | None,
        cancel: Cancel,
        progress: Callable[[int, int], None],  # noqa: ARG002 - the CRI tells none
    ) -> None:
        self._cri.pull(image, credentials, cancel)

    def leftovers(self) -> tuple[Leftover, ...]:
        return ()

    def images(self) -> tuple[StoredImage, ...]:
        return self._cri.images()

    def remove_image(self, reference: str) -> None:
        users = [
            (one.labels.get(containerd_labels.NAME, one.id), one.image)
            for one in self._api.containers(containerd_labels.NAME)
        ]
        self._cri.remove_unused(reference, users)

    # --- the life of a container ---------------------------------------------------------

    def create(
        self,
        name: str,
        image: str,
        container: Container,
        labels: dict[str, str],
        instance: Instance,
    ) -> str:
        shared = instance.shared_network
        refused = tuple(runtime_limits.reasons(container, self.in_use, shared_network=shared))
        if refused:
            reason = f"containerd alone cannot run {container.name}: {'; '.join(refused)}"
            raise RuntimeFailure(Failure.OTHER, reason)
        doing = f"creating {name}"
        if self._find(name) is not None:
            raise RuntimeFailure(Failure.NAME_TAKEN, f"{doing}: {name} is there already")
        unpacked = self._cri.unpacked(image)
        if unpacked is None:
            raise RuntimeFailure(Failure.NOT_FOUND, f"{doing}: there is no image {image}")
        config = oci.image_config(unpacked.config)
        kept = _kept(name, container, config)
        if not oci.arguments(container, config):
            reason = f"{doing}: neither the image nor the workload says what is to be run"
            raise RuntimeFailure(Failure.OTHER, reason)
        made, snapshot = os.urandom(32).hex(), containerd_labels.snapshot_of(name)
        snapshotter = self._cri.snapshotter()
        # What an earlier attempt, cut off here, has left.
        self._api.remove_snapshot(snapshotter, snapshot)
        self._api.prepare(snapshotter, snapshot, unpacked.chain, {GC_ROOT: "skerry"})
        layers = containerd_box.layers(self._api.mounts(snapshotter, snapshot))
        user = rootfs_users.resolve(
            container.user if container.user is not None else config.user, layers
        )
        box = containerd_box.look(container, self._state, made)
        spec = oci.spec_of(container, config, user, box, _cgroup(made))
        record = Record(
            id=made,
            labels=containerd_labels.with_kept(labels, kept),
            image=image,
            snapshotter=snapshotter,
            snapshot=snapshot,
            spec=oci.to_json(spec),
        )
        self._api.create(record, SHIM, doing)
        return made

    def start(self, reference: str) -> None:
        found = self._find(reference)
        if found is None:
            reason = f"starting {reference}: there is no such container"
            raise RuntimeFailure(Failure.NOT_FOUND, reason)
        record, kept = found
        task = self._api.task(record.id)
        if task is not None and task.status is not Status.STOPPED:
            return
        log = self._log(record.id)
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = dataclasses.replace(kept, started_at=time.time(), ended=None)
        labels = containerd_labels.unsupervised(record.labels)
        labels = containerd_labels.with_kept(labels, kept)
        self._api.label(record.id, labels)
        doing = f"starting {kept.name}"
        self._api.delete_task(record.id)
        mounts = self._api.mounts(record.snapshotter, record.snapshot)
        self._api.create_task(record.id, mounts, f"file://{log}", doing)
        try:
            self._api.start(record.id, doing)
        except RuntimeFailure:
            self._api.delete_task(record.id)
            raise
        self._supervise(dataclasses.replace(record, labels=labels), kept)

    def _supervise_running(self, record: Record, kept: Kept) -> None:
        if containerd_labels.STATUS in record.labels:
            return
        task = self._api.task(record.id)
        if task is not None and task.status is Status.RUNNING:
            self._supervise(record, kept)

    def _supervise(self, record: Record, kept: Kept) -> None:
        """Have the monitor start it again from now on.

        Not before it runs: the monitor would begin anew what is just about to start.
        """
        uri = f"file://{self._log(record.id)}"
        labels = containerd_labels.supervised(record.labels, kept, uri, self._version)
        if labels != record.labels:
            self._api.label(record.id, labels)

    def stop(self, reference: str, grace_s: float, cancel: Cancel) -> None:
        found = self._find(reference)
        if found is None:
            return
        record, kept = found
        task = self._api.task(record.id)
        # First, or the monitor would start it again; and nobody then takes it for never started.
        labels = containerd_labels.unsupervised(record.labels)
        if task is not None and kept.ended is None:
            kept = dataclasses.replace(kept, ended=128 + KILL)
            labels = containerd_labels.with_kept(labels, kept)
        if labels != record.labels:
            self._api.label(record.id, labels)
        if task is None:
            return
        if task.status is not Status.STOPPED:
            self._api.kill(record.id, kept.signal)
            if not self._api.wait(record.id, max(grace_s, kept.grace_s), cancel):
                self._api.kill(record.id, KILL)
                self._api.wait(record.id, KILL_S, cancel)
        ended = self._api.task(record.id)
        if ended is not None and ended.status is not Status.STOPPED:
            raise RuntimeFailure(Failure.OTHER, f"{kept.name} does not end")
        code = 128 + KILL if ended is None else ended.exit_status
        kept = dataclasses.replace(kept, ended=code)
        self._api.label(record.id, containerd_labels.with_kept(labels, kept))

    def remove(self, reference: str) -> None:
        found = self._find(reference)
        if found is None:
            return
        record, kept = found
        self._api.label(record.id, containerd_labels.unsupervised(record.labels))
        task = self._api.task(record.id)
        if task is not None and task.status is not Status.STOPPED:
            self._api.kill(record.id, KILL)
            if not self._api.wait(record.id, KILL_S, None):
                raise RuntimeFailure(Failure.OTHER, f"{kept.name} does not end")
        self._api.delete_task(record.id)
        self._api.delete(record.id)
        self._api.remove_snapshot(record.snapshotter, record.snapshot)
        self._log(record.id).unlink(missing_ok=True)
        anonymous = containerd_box.anonymous(self._state, record.id)
        if anonymous.exists():
            import shutil  # noqa: PLC0415

            shutil.rmtree(anonymous, ignore_errors=True)

    # --- what is asked of what runs ------------------------------------------------------

    def logs(self, reference: str, wish: LogWish, cancel: Cancel) -> Iterator[Written]:
        record, kept = self._there(reference)
        plain_log.limit(self._log(record.id), kept.log_bytes)

        def runs() -> bool:
            task = self._api.task(record.id)
            return task is not None and task.status is not Status.STOPPED

        try:
            yield from plain_log.read(self._log(record.id), wish, cancel, runs)
        except FileNotFoundError:
            return
        except OSError as error:
            reason = f"the log of {reference} cannot be read: {error.strerror}"
            raise RuntimeFailure(Failure.OTHER, reason) from None

    def execute(
        self,
        reference: str,
        program: Program,
        cancel: Cancel,
        told: Callable[[Written], None],
    ) -> int:
        record, _ = self._there(reference)
        return self._execute(record, program, cancel, told, EXEC_S)

    def end_program(self, token: str) -> None:
        containerd_exec.end(self._api, token)

    def _execute(
        self,
        record: Record,
        program: Program,
        cancel: Cancel,
        told: Callable[[Written], None],
        until_s: float,
    ) -> int:
        folder = self._run / "exec"
        return containerd_exec.run(self._api, record, program, folder, cancel, told, until_s)

    def usage(self, reference: str) -> Usage | None:
        found = self._find(reference)
        if found is None:
            return None
        record, kept = found
        task = self._api.task(record.id)
        if task is None or task.status is not Status.RUNNING:
            return None
        return cgroups.usage(_cgroup(record.id), record.labels.get(specs.CONTAINER, kept.name))

    def checked(self, reference: str) -> CheckResult:
        found = self._find(reference)
        if found is None or not found[1].check:
            return CheckResult(Health.NONE)
        record, kept = found
        task = self._api.task(record.id)
        if task is None or task.status is not Status.RUNNING:
            return CheckResult(Health.UNKNOWN)
        tail = Tail()

        def run() -> tuple[int, bytes]:
            check = Program(tuple(kept.check))
            code = self._execute(record, check, Cancel(), tail.add, kept.check_s)
            return code, tail.data

        return result_of(run, kept.check_s)

    def _there(self, reference: str) -> tuple[Record, Kept]:
        found = self._find(reference)
        if found is None:
            raise RuntimeFailure(Failure.NOT_FOUND, f"there is no container {reference}")
        return found

    def _log(self, container: str) -> pathlib.Path:
        return self._state / "logs" / f"{container}.log"


def _kept(name: str, container: Container, image: oci.ImageConfig) -> Kept:
    health = container.health
    return Kept(
        name=name,
        grace_s=container.stop_grace_s,
        signal=containerd_labels.signal_of(container.stop_signal or image.stop_signal),
        # After a boot the monitor would start it before anybody has looked which device has the
        # number now that its device had. The executor starts it then.
        restart="no" if container.bus_devices else container.restart,
        retries=container.restart_retries,
        check=list(words_of(health)),
        check_s=0.0 if health is None else health.timeout_s,
        alone=container.network == "none",
        log_bytes=(container.log or LogLimits()).max_bytes,
    )


def _cgroup(container: str) -> str:
    return f"/skerry/{container}"
