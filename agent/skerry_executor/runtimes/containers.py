"""podman and docker, through the HTTP API on their unix sockets, most of which they share.

Where the two differ, it is said and settled here and in what is used here, and nowhere else.
Neither program is ever forked: containers belong to the runtime's own units, not to the executor's
sandbox.
"""

from __future__ import annotations

import dataclasses
import json
import os
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from skerry_executor import specs
from skerry_executor.actual import Actual, CheckResult, Phase
from skerry_executor.cancel import Cancel
from skerry_executor.leftovers import Leftover
from skerry_executor.runtimes import (
    api,
    cdi,
    creation,
    execution,
    failures,
    health,
    images,
    inspection,
    logs,
    specgen,
    storage,
    storage_only,
    usage,
)
from skerry_executor.runtimes.api import CHANGE_S, Api, quoted
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
from skerry_executor.runtimes.unix_http import Answer
from skerry_wire import runtime_limits
from skerry_wire.lifecycle import Usage
from skerry_wire.messages import Health
from skerry_wire.runtime_limits import RuntimeInUse
from skerry_wire.workload import Container, Instance

REMOVAL_S = 15.0
STOP_S = 5.0
STOP_LOOK_S = 0.02
"""How long, and how often, podman is told to stop what it keeps starting."""
_STOPPED = (None, "configured", "created", "initialized", "exited", "removing")
_ENDED = ("stopped", "stopping")
"""It has ended, and podman has not decided yet whether it starts it again."""
MAKING_S = 5.0
MAKING_LOOK_S = 0.2
"""How long, and how often, podman is asked for what has a name that it does not know.

What it just makes, for an executor that was killed meanwhile, has its name some moments earlier.
"""
LOOKERS = 4
"""How many containers are looked at at once: neither list has all that is needed."""


def connect(socket_path: str, labelled: str | None = None) -> ContainerRuntime:
    """Return the runtime behind a socket. Raises RuntimeFailure when there is none."""
    return ContainerRuntime(api.connect(socket_path), labelled)


class ContainerRuntime:
    """One podman or docker. Calls may come from several threads at once."""

    whole_instances = False
    counts_retries = counts_checks = True

    # ruff: noqa: D102 - the protocol says what each is

    def __init__(self, runtime: Api, labelled: str | None = None) -> None:
        """`runtime` is where it is asked.

        What is mounted from below `labelled`, SELinux allows to its container, and to no other.
        """
        self._labelled = labelled
        self.name = runtime.name
        # podman starts at once what has ended, however often.
        self.spaces_restarts = runtime.name != "podman"
        self._api = runtime
        self.in_use = RuntimeInUse(name=runtime.name, version=runtime.limiting_version)
        # podman's own answers come twice as fast, and say what docker's say.
        self._containers = "/libpod/containers" if self.name == "podman" else "/containers"

    def storage(self) -> Storage:
        target = "/libpod/info" if self.name == "podman" else "/info"
        answer = self._api.call("GET", target, f"asking {self.name} for its folders")
        return storage.parse(self._api.parsed(answer, dict))

    def containers(self, node: str) -> tuple[Actual, ...]:
        label = f"{specs.NODE}={node}" if node else specs.NODE
        filters = json.dumps({"label": [label]})
        query = urllib.parse.urlencode({"all": "true", "filters": filters})
        target = f"{self._containers}/json?{query}"
        answer = self._api.call("GET", target, "listing the containers")
        entries = {str(entry["Id"]): entry for entry in self._api.parsed(answer, list)}
        return tuple(one for one in self._each(entries) if one is not None)

    def _each(self, entries: Mapping[str, Any]) -> list[Actual | None]:
        """Look at several containers, a few at a time; `entries` are a list's, by id.

        What cannot be looked at is what the list tells of it. Raises the first other failure.
        """
        found: dict[str, Actual | None] = {}
        failed: list[RuntimeFailure] = []
        left = list(entries)

        def look() -> None:
            while left and not failed:
                try:
                    one = left.pop()
                except IndexError:
                    return
                try:
                    found[one] = self._container(one, entries[one])
                except RuntimeFailure as failure:
                    failed.append(failure)

        threads = [
            threading.Thread(target=look, daemon=True)
            for _ in range(min(LOOKERS, len(entries)) - 1)
        ]
        for thread in threads:
            thread.start()
        look()
        for thread in threads:
            thread.join()
        if failed:
            raise failed[0]
        return [found[one] for one in entries]

    def _container(self, reference: str, entry: Any) -> Actual | None:
        try:
            return self.container(reference)
        except RuntimeFailure as failure:
            if failure.kind not in (Failure.DAMAGED, Failure.OTHER):
                raise
            # One damaged container must not hide all others.
            try:
                is_damaged = failure.kind is Failure.DAMAGED
                return inspection.listed(entry, failure.reason, is_damaged=is_damaged)
            except inspection.InspectionError:
                raise failure from None

    def container(self, reference: str) -> Actual | None:
        looked = self._looked(reference)
        if looked is None or looked.actual is None:
            return None
        if looked.joined is None or looked.actual.phase is not Phase.RUNNING:
            return looked.actual
        # docker gives a container another network with each start; who joined has the old one.
        first = self._looked(looked.joined)
        address = None if first is None or first.pid is None else first.address
        apart = first is not None and not _share_network(looked.pid, first.pid)
        return dataclasses.replace(looked.actual, address=address, detached=apart)

    def _looked(self, reference: str) -> inspection.Looked | None:
        doing = f"looking at container {reference}"
        target = f"{self._containers}/{quoted(reference)}/json"
        answer = self._api.call("GET", target, doing, fine=(200, 404))
        if answer.status == 404:
            return None
        try:
            return inspection.parse(self._api.parsed(answer, dict))
        except inspection.InspectionError as error:
            reason = f"{doing}: {self.name} gave an answer that cannot be read: {error}"
            raise RuntimeFailure(Failure.OTHER, reason) from None

    def has_image(self, image: str) -> bool:
        return images.has(self._api, image)

    def pull(
        self,
        image: str,
        credentials: Credentials | None,
        cancel: Cancel,
        progress: Callable[[int, int], None],
    ) -> None:
        images.pull(self._api, image, credentials, cancel, progress)

    def create(
        self,
        name: str,
        image: str,
        container: Container,
        labels: dict[str, str],
        instance: Instance,
    ) -> str:
        network = creation.network_of(instance, container)
        doing = f"creating {name}"
        is_too_old = runtime_limits.too_old(self.in_use) is not None
        for reason in runtime_limits.reasons(container, self.in_use):
            # Else only devices are beyond one of these two.
            raise RuntimeFailure(Failure.OTHER if is_too_old else Failure.NO_DEVICE, reason)
        if self.name == "podman":
            body = specgen.body_of(name, image, container, labels, network, self._labelled)
            answer = self._create_on_podman(name, doing, body)
        else:
            requests = self._requests(container.cdi_devices)
            body = creation.body_of(image, container, labels, network, requests, self._labelled)
            target = "/containers/create?" + urllib.parse.urlencode({"name": name})
            answer = self._api.call("POST", target, doing, body=body, fine=(201,))
        return str(self._api.parsed(answer, dict).get("Id", ""))

    def _create_on_podman(self, name: str, doing: str, body: dict[str, Any]) -> Answer:
        target = "/libpod/containers/create"
        try:
            return self._api.call("POST", target, doing, body=body, fine=(201,))
        except RuntimeFailure as failure:
            if failure.kind is not Failure.NAME_TAKEN or self._is_known_soon(name):
                raise
        # A power cut came between podman's two stores: one has the name, the other nothing of it.
        self.remove(name)
        return self._api.call("POST", target, doing, body=body, fine=(201,))

    def _is_known_soon(self, name: str) -> bool:
        """Say whether podman knows a container, or does within the time that making one takes."""
        until = time.monotonic() + MAKING_S
        while self._podman_status(name) is None:
            if time.monotonic() >= until:
                return False
            time.sleep(MAKING_LOOK_S)
        return True

    def _requests(self, names: tuple[str, ...]) -> list[dict[str, Any]]:
        """Return what docker is asked for these names of CDI. Raises RuntimeFailure."""
        by_cdi = bool(names) and self._api.version >= runtime_limits.DOCKER_WITH_CDI
        if by_cdi:
            answer = self._api.call("GET", "/info", "asking docker for its settings")
            by_cdi = cdi.is_on(self._api.parsed(answer, dict))
        others = cdi.others(names)
        if others and not by_cdi:
            reason = f"this docker's CDI is turned off, hence there is no {others[0]}: "
            advice = '{"features": {"cdi": true}} in /etc/docker/daemon.json turns it on'
            raise RuntimeFailure(Failure.NO_DEVICE, reason + advice)
        return cdi.requests(names, by_cdi=by_cdi)

    def start(self, reference: str) -> None:
        target = f"/containers/{quoted(reference)}/start"
        self._api.call("POST", target, f"starting {reference}", fine=(200, 204, 304))

    def stop(self, reference: str, grace_s: float, cancel: Cancel) -> None:
        self._stop_once(reference, grace_s, cancel)
        if self.name != "podman":
            return
        # What has just ended, podman is about to start again, and then has nothing to stop.
        until = time.monotonic() + STOP_S
        while (phase := self._podman_status(reference)) not in _STOPPED:
            if time.monotonic() >= until:
                if phase in _ENDED:
                    return  # whatever was to clean up after it is gone
                reason = f"stopping {reference}: it is started again and again"
                raise RuntimeFailure(Failure.OTHER, reason)
            time.sleep(STOP_LOOK_S)
            self._stop_once(reference, grace_s, cancel)

    def _podman_status(self, reference: str) -> str | None:
        target = f"{self._containers}/{quoted(reference)}/json"
        doing = f"looking at container {reference}"
        answer = self._api.call("GET", target, doing, fine=(200, 404))
        if answer.status == 404:
            return None
        state = self._api.parsed(answer, dict).get("State")
        return str(state.get("Status", "")).lower() if isinstance(state, dict) else ""

    def _stop_once(self, reference: str, grace_s: float, cancel: Cancel) -> None:
        # Without `t`, the runtime takes the grace that the container was created with.
        self._api.call(
            "POST",
            f"/containers/{quoted(reference)}/stop",
            f"stopping {reference}",
            fine=(200, 204, 304, 404),
            timeout_s=grace_s + CHANGE_S,
            cancel=cancel,
        )

    def remove(self, reference: str) -> None:
        doing = f"removing {reference}"
        target = f"/containers/{quoted(reference)}?force=true&v=true"
        until = time.monotonic() + REMOVAL_S
        while True:
            answer = self._api.call("DELETE", target, doing, fine=(200, 204, 404, 409))
            if answer.status != 409:
                return
            failure = failures.from_answer(doing, answer.status, answer.body)
            # docker: somebody is removing it already; its name is free once that is over.
            if failure.kind is Failure.JOINED or time.monotonic() >= until:
                raise failure
            time.sleep(0.05)

    def leftovers(self) -> tuple[Leftover, ...]:
        if self.name != "podman":
            return ()  # docker has one store
        target = f"{self._containers}/json?all=true&external=true"
        answer = self._api.call("GET", target, "listing what storage alone has")
        return storage_only.parse(self._api.parsed(answer, list), time.time())

    def images(self) -> tuple[StoredImage, ...]:
        return images.stored(self._api)

    def remove_image(self, reference: str) -> None:
        images.remove(self._api, reference)

    def logs(self, reference: str, wish: LogWish, cancel: Cancel) -> Iterator[Written]:
        return logs.logs(self._api, reference, wish, cancel)

    def execute(
        self,
        reference: str,
        program: Program,
        cancel: Cancel,
        told: Callable[[Written], None],
    ) -> int:
        return execution.execute(self._api, reference, program, cancel, told)

    def end_program(self, token: str) -> None:
        execution.end(self._api, token)

    def usage(self, reference: str) -> Usage | None:
        found = self.container(reference)
        if found is None or found.phase is not Phase.RUNNING:
            return None
        doing = f"measuring container {reference}"
        target = f"/containers/{found.id}/stats?stream=false&one-shot=true"
        answer = self._api.call("GET", target, doing, fine=(200, 404, 409))
        if answer.status != 200:
            return None  # it has just ended
        try:
            return usage.parse(found.container, self._api.parsed(answer, dict))
        except usage.UsageError as error:
            reason = f"{doing}: {self.name} gave an answer that cannot be read: {error}"
            raise RuntimeFailure(Failure.OTHER, reason) from None

    def checked(self, reference: str) -> CheckResult:
        found = self.container(reference)
        if found is None:
            return CheckResult(Health.NONE)
        # Docker runs its checks itself, always.
        runs = found.phase is Phase.RUNNING and found.health is not Health.NONE
        late = health.run(self._api, found) if runs and self.name != "docker" else None
        if late is not None:
            return CheckResult(Health.UNHEALTHY, late)
        after = self.container(reference) if runs else found
        if after is None:
            return CheckResult(Health.NONE)
        return CheckResult(after.health, after.health_reason)


def _share_network(one: int | None, other: int | None) -> bool:
    """Say whether two processes have the same network, or one of them ended."""
    try:
        return os.stat(f"/proc/{one}/ns/net").st_ino == os.stat(f"/proc/{other}/ns/net").st_ino
    except OSError:
        return True
