"""A kubelet, which runs what lies in its folder of manifests: static pods, one for an instance.

It is a supervisor of its own: what has a manifest runs, and runs again after a start of the box,
without us. It is told nothing but by files, and how pods are is asked of its container runtime over
the CRI: a k3s has no other door. What runs is found by the pod's uid, which each manifest has anew.
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
from skerry_executor.log import log
from skerry_executor.runtimes import (
    cgroups,
    containerd_exec,
    cri_log,
    failures,
    listening,
    mounted,
    pod_records,
    pods,
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
from skerry_executor.runtimes.containerd_api import Containerd
from skerry_executor.runtimes.cri import Cri, Listed, Sandbox, State
from skerry_executor.runtimes.health_result import result_of
from skerry_executor.runtimes.pod_files import PodFiles
from skerry_executor.runtimes.pod_records import Member, Record
from skerry_executor.runtimes.pod_view import View, is_over
from skerry_wire import runtime_limits
from skerry_wire.lifecycle import Usage
from skerry_wire.messages import Health
from skerry_wire.runtime_limits import RuntimeInUse
from skerry_wire.workload import Container, Instance

START_S = 20.0
"""How long a start is waited for; what is slower is seen by a later look."""
END_S = 10.0
"""How long beyond its grace a pod may take to end, before its containers are stopped over the CRI:
a kubelet that is dead stops nothing."""
SETTLE_S = 3.0
"""How long a kubelet may take to give back address and ports of a pod of which nothing runs."""
POLL_S = 0.05
KILLED = 137
EXEC_S = 3600.0
"""The most that a program within a container may take."""
NO_INPUT = "a program in a pod gets neither input nor a terminal here: the CRI's socket passes none"


def connect(socket_path: str, manifests: pathlib.Path, state: pathlib.Path, run: pathlib.Path
            ) -> Kubelet:  # fmt: skip
    """Return the kubelet with a folder of manifests, and its runtime's socket.

    Raises RuntimeFailure when either is not there.
    """
    if not manifests.is_dir():
        reason = (
            f"{manifests} is not there: name the kubelet's folder of static pods "
            "with --pod-manifests"
        )
        raise RuntimeFailure(Failure.ABSENT, reason)
    cri = Cri(socket_path)
    native = Containerd(socket_path) if cri.name() == "containerd" else None
    return Kubelet(cri, PodFiles(manifests, state, run), native)


class Kubelet:
    """One kubelet. Calls may come from several threads, for a pod from one at a time."""

    # ruff: noqa: D102 - the protocol says what each is

    name = runtime_limits.KUBELET
    in_use = RuntimeInUse(name=runtime_limits.KUBELET)
    whole_instances = spaces_restarts = counts_retries = True
    counts_checks = False

    def __init__(self, cri: Cri, files: PodFiles, native: Containerd | None) -> None:
        """`native` are containerd's own services, where it is containerd that serves the CRI."""
        self._native = native
        self._cri = cri
        self._files = files

    # --- looking -------------------------------------------------------------------------

    def storage(self) -> Storage:
        return Storage(containers=self._cri.storage(), volumes=self._files.volumes)

    def containers(self, node: str) -> tuple[Actual, ...]:
        view = View.of(self._cri, self._files)
        found = (view.actual(pod, one) for pod in view.pods for one in pod.members.values())
        return tuple(one for one in found if one is not None and node in (one.node, ""))

    def container(self, reference: str) -> Actual | None:
        view = View.of(self._cri, self._files)
        found = view.find(reference)
        return None if found is None else view.actual(*found)

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
        members = [one for pod in self._files.records() for one in pod.members.values()]
        self._cri.remove_unused(reference, [(one.name, one.image) for one in members])

    # --- the life of a pod ---------------------------------------------------------------

    def create(
        self,
        name: str,
        image: str,
        container: Container,
        labels: dict[str, str],
        instance: Instance,
    ) -> str:
        below = mounted.below_read_only(container, _text("/proc/self/mounts"))
        own = runtime_limits.total_reasons(instance.containers, self.in_use)
        refused = (*own, *below)
        if refused:
            reason = f"the kubelet of this box cannot run it: {'; '.join(refused)}"
            raise RuntimeFailure(Failure.OTHER, reason)
        if not self.has_image(image):
            raise RuntimeFailure(Failure.NOT_FOUND, f"creating {name}: there is no image {image}")
        pod = pod_records.pod_name(name, container.name)
        record = self._files.record(pod)
        if record is not None and container.name in record.members:
            raise RuntimeFailure(Failure.NAME_TAKEN, f"creating {name}: {name} is there already")
        if record is None:
            record = pod_records.new_record(pod, instance)
        made = pod_records.new_id(name, os.urandom(16).hex())
        volumes = pods.volumes_of(container, str(self._files.volumes), _mode)
        member = pod_records.member_of(made, name, image, container, labels, instance, volumes)
        members = {**record.members, container.name: member}
        # Those that are made first are made after what an earlier order had: so its frame is old.
        fresh = pod_records.new_record(pod, instance)
        self._files.keep(dataclasses.replace(fresh, uid=record.uid, members=members))
        return made

    def start(self, reference: str) -> None:
        view = View.of(self._cri, self._files)
        found = view.find(reference)
        record = None if found is None else found[0].record
        if found is None or record is None:
            reason = f"starting {reference}: there is no such container"
            raise RuntimeFailure(Failure.NOT_FOUND, reason)
        pod, member = found
        actual = view.actual(pod, member)
        running = actual is not None and actual.phase in (Phase.RUNNING, Phase.RESTARTING)
        if running or not record.whole:
            # The start of the one that is made last is that of all.
            return
        place = member.labels.get(specs.CONTAINER, member.name)
        if pod.published and place not in record.begun:
            begun = (*record.begun, place)
            self._files.keep(dataclasses.replace(record, begun=begun))
        elif not pod.published or actual is None or actual.phase is Phase.EXITED:
            self._begin(record, place)
        self._wait_for_start(member)

    def _begin(self, record: Record, place: str) -> None:
        """Give the kubelet the pod as a new one: it begins anew, with no memory of an earlier."""
        self._check_ports(record)
        self._end(record.name, record.uid, 0.0, Cancel())
        uid = pod_records.new_id(record.name, os.urandom(16).hex())[:32]
        members = {
            name: dataclasses.replace(one, ended=None) for name, one in record.members.items()
        }
        record = dataclasses.replace(record, uid=uid, members=members, begun=(place,))
        self._files.keep(record)
        self._files.publish(record)

    @staticmethod
    def _check_ports(record: Record) -> None:
        if record.frame.get("hostNetwork"):
            return
        for member in record.members.values():
            for port in member.container.get("ports", ()):
                tables = listening.TABLES[port["protocol"].lower()]
                texts = [_text(f"/proc/net/{table}") for table in tables]
                if listening.is_taken(texts, port["hostPort"], port.get("hostIP", "")):
                    reason = f"port {port['hostPort']} is already in use on this box"
                    raise RuntimeFailure(Failure.PORT_IN_USE, reason)

    def _wait_for_start(self, member: Member) -> None:
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            view = View.of(self._cri, self._files)
            found = view.find(member.id)
            if found is None:
                return
            seen = view.newest(*found)
            status = None if seen is None else self._cri.status(seen.id)
            if status is not None and status.started_at is not None:
                return
            if status is not None and status.reason == "StartError":
                raise failures.from_start(member.name, status.message)
            time.sleep(POLL_S)

    def stop(self, reference: str, grace_s: float, cancel: Cancel) -> None:
        found = View.of(self._cri, self._files).find(reference)
        if found is None:
            return
        pod, _ = found
        grace_s = max(grace_s, *(one.grace_s for one in pod.members.values()))
        if pod.record is not None and pod.published:
            # Before the manifest goes: cut off between the two, nobody takes it for never started.
            self._keep_ends(pod.record, dict.fromkeys(pod.members, KILLED))
        codes = self._end(pod.name, pod.uid, grace_s, cancel)
        if pod.record is not None and codes:
            self._keep_ends(pod.record, codes)

    def _keep_ends(self, record: Record, codes: dict[str, int]) -> None:
        members = {
            name: dataclasses.replace(one, ended=codes.get(name, one.ended))
            for name, one in record.members.items()
        }
        self._files.keep(dataclasses.replace(record, members=members))

    def _end(self, name: str, uid: str, grace_s: float, cancel: Cancel) -> dict[str, int]:
        """Take the manifest away, and wait until nothing of the pod runs; return exit statuses."""
        self._files.withdraw(name)
        until = time.monotonic() + grace_s + END_S
        quiet_since: float | None = None
        while True:
            ready = [one for one in self._cri.sandboxes() if one.uid == uid and one.ready]
            listed = View.listed(self._cri, uid)
            running = [one for one in listed if not is_over(one.state)]
            if not ready and not running:
                return self._exit_statuses(listed)
            cancel.check()
            now = time.monotonic()
            if running and (grace_s == 0 or now > until):
                # A kubelet gives two seconds at the least, and one that is dead stops nothing.
                for one in running:
                    self._cri.stop(one.id, 0.0, cancel)
            elif not running:
                quiet_since = quiet_since or now
                if now - quiet_since > SETTLE_S:
                    self._stop_sandboxes(ready)
                    return self._exit_statuses(listed)
            time.sleep(POLL_S)

    def _stop_sandboxes(self, ready: list[Sandbox]) -> None:
        """Give a pod's address and ports back, as far as that goes: nothing runs in it any more."""
        for sandbox in ready:
            try:
                self._cri.stop_sandbox(sandbox.id)
            except RuntimeFailure as failure:
                log("warning", "pod not ended", id=sandbox.id, reason=failure.reason)

    def _exit_statuses(self, listed: list[Listed]) -> dict[str, int]:
        """Return the newest exit status of each container."""
        newest = {one.name: one for one in sorted(listed, key=lambda one: one.created_ns)}
        seen = {name: self._cri.status(one.id) for name, one in newest.items()}
        return {name: status.exit_code for name, status in seen.items() if status is not None}

    def remove(self, reference: str) -> None:
        found = View.of(self._cri, self._files).find(reference)
        if found is None:
            return
        pod, member = found
        self._end(pod.name, pod.uid, 0.0, Cancel())
        if pod.record is None:
            return
        left = {name: one for name, one in pod.record.members.items() if one.id != member.id}
        if left:
            self._files.keep(dataclasses.replace(pod.record, members=left))
        else:
            self._files.forget(pod.name)

    # --- what is asked of what runs ------------------------------------------------------

    def logs(self, reference: str, wish: LogWish, cancel: Cancel) -> Iterator[Written]:
        container = self._container(reference)
        status = self._cri.status(container)
        if status is None or not status.log_path:
            raise RuntimeFailure(Failure.NOT_FOUND, f"there is no log of {reference}")

        def runs() -> bool:
            now = self._cri.status(container)
            return now is not None and not is_over(now.state)

        try:
            yield from cri_log.read(pathlib.Path(status.log_path), wish, cancel, runs)
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
        container = self._container(reference)
        record = self._native.container(container) if self._native is not None else None
        if self._native is not None and record is not None:
            folder = self._files.run / "exec"
            return containerd_exec.run(self._native, record, program, folder, cancel, told, EXEC_S)
        if program.input or program.terminal:
            raise RuntimeFailure(Failure.OTHER, NO_INPUT)
        code, out, err = self._cri.execute(container, program.command, EXEC_S, cancel)
        for stream, data in (("out", out), ("err", err)):
            if data:
                told(Written("err" if stream == "err" else "out", data))
        return code

    def end_program(self, token: str) -> None:
        if self._native is not None:
            containerd_exec.end(self._native, token)

    def usage(self, reference: str) -> Usage | None:
        view = View.of(self._cri, self._files)
        found = view.find(reference)
        seen = None if found is None else view.newest(*found)
        if found is None or seen is None or seen.state is not State.RUNNING:
            return None
        name = found[1].labels.get(specs.CONTAINER, found[1].name)
        record = self._native.container(seen.id) if self._native is not None else None
        group = None if record is None else record.cgroup()
        # Of a group whose path is a slice of systemd the CRI tells less, but it tells.
        told = cgroups.usage(group, name) if group is not None else None
        if told is not None:
            return told
        used = self._cri.usage(seen.id)
        return None if used is None else Usage(container=name, cpu_s=used[0], memory_bytes=used[1])

    def checked(self, reference: str) -> CheckResult:
        view = View.of(self._cri, self._files)
        found = view.find(reference)
        if found is None or not found[1].check:
            return CheckResult(Health.NONE)
        pod, member = found
        seen = view.newest(pod, member)
        if seen is None or is_over(seen.state):
            return CheckResult(Health.UNKNOWN)
        container = seen.id

        def run() -> tuple[int, bytes]:
            code, out, err = self._cri.execute(container, tuple(member.check), member.check_s, None)
            return code, out + b"\n" + err

        return result_of(run, member.check_s)

    def _container(self, reference: str) -> str:
        """Return the runtime's id of what runs, or ran last, of a container of ours."""
        view = View.of(self._cri, self._files)
        found = view.find(reference)
        seen = None if found is None else view.newest(*found)
        if seen is None:
            raise RuntimeFailure(Failure.NOT_FOUND, f"nothing of {reference} has run")
        return seen.id


def _mode(path: str) -> int | None:
    try:
        return os.stat(path).st_mode
    except OSError:
        return None


def _text(path: str) -> str:
    try:
        return pathlib.Path(path).read_text()
    except OSError:
        return ""
