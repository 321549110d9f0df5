"""podman and docker, through the Docker-compatible HTTP API on their unix sockets.

Where the two differ, it is said and settled here and nowhere else. Neither program is ever
forked: containers belong to the runtime's own units, not to the executor's sandbox.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

from skerry_executor import specs
from skerry_executor.actual import Actual
from skerry_executor.cancel import Cancel
from skerry_executor.runtimes import creation, failures, inspection, unix_http
from skerry_executor.runtimes.base import (
    Credentials,
    Failure,
    LogWish,
    RuntimeFailure,
    StoredImage,
    Written,
)
from skerry_executor.runtimes.unix_http import Answer
from skerry_wire.lifecycle import Usage
from skerry_wire.messages import Health
from skerry_wire.workload import Container, Instance

NEWEST_API = (1, 44)
"""The newest version of the API that this file was written for; an older runtime's is used."""

LOOK_S = 30.0
CHANGE_S = 180.0
PULL_SILENCE_S = 900.0
"""podman says nothing while a registry is slow to answer."""
PROGRESS_S = 1.0
REMOVAL_S = 15.0


def connect(socket_path: str) -> ContainerRuntime:
    """Return the runtime behind a socket. Raises RuntimeFailure when there is none."""
    answer = _request(socket_path, "GET", "/_ping", timeout_s=LOOK_S)
    if answer.status != 200:
        raise failures.from_answer(f"{socket_path} does not answer", answer.status, answer.body)
    name = "podman" if answer.headers.get("Libpod-API-Version") else "docker"
    try:
        major, minor = answer.headers.get("Api-Version", "1.40").split(".")
        version = min((int(major), int(minor)), NEWEST_API)
    except ValueError:
        reason = f"{socket_path} is not the socket of podman or docker"
        raise RuntimeFailure(Failure.UNREACHABLE, reason) from None
    return ContainerRuntime(name, socket_path, f"/v{version[0]}.{version[1]}")


def _request(
    path: str,
    method: str,
    target: str,
    *,
    body: Any = None,
    timeout_s: float,
    cancel: Cancel | None = None,
) -> Answer:
    try:
        return unix_http.request(
            path, method, target, body=body, timeout_s=timeout_s, cancel=cancel
        )
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(path, error) from None


def _unreachable(path: str, error: Exception) -> RuntimeFailure:
    if isinstance(error, FileNotFoundError):
        why = "there is no such socket; is the runtime installed and its socket started?"
    elif isinstance(error, ConnectionRefusedError):
        why = "nothing listens there; start podman.socket or docker.socket"
    elif isinstance(error, TimeoutError):
        why = "it does not answer in time"
    else:
        why = f"{type(error).__name__} {error}"
    return RuntimeFailure(Failure.UNREACHABLE, f"the runtime at {path} cannot be reached: {why}")


def _quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="/:@")


class ContainerRuntime:
    """One podman or docker. Calls may come from several threads at once."""

    whole_instances = False

    def __init__(self, name: str, socket_path: str, prefix: str) -> None:
        """`prefix` is the version of the API as it begins each path, such as /v1.41."""
        self.name = name
        self._path = socket_path
        self._prefix = prefix

    def containers(self, node: str) -> tuple[Actual, ...]:  # noqa: D102
        filters = json.dumps({"label": [f"{specs.NODE}={node}"]})
        query = urllib.parse.urlencode({"all": "true", "filters": filters})
        answer = self._call("GET", f"/containers/json?{query}", "listing the containers")
        ids = [str(entry["Id"]) for entry in self._parsed(answer, list)]
        found = [self.container(one) for one in ids]
        return tuple(one for one in found if one is not None)

    def container(self, reference: str) -> Actual | None:  # noqa: D102
        doing = f"looking at container {reference}"
        target = f"/containers/{_quoted(reference)}/json"
        answer = self._call("GET", target, doing, fine=(200, 404))
        if answer.status == 404:
            return None
        try:
            return inspection.parse(self._parsed(answer, dict))
        except inspection.InspectionError as error:
            reason = f"{doing}: {self.name} gave an answer that cannot be read: {error}"
            raise RuntimeFailure(Failure.OTHER, reason) from None

    def has_image(self, image: str) -> bool:  # noqa: D102
        target = f"/images/{_quoted(image)}/json"
        answer = self._call("GET", target, f"looking for image {image}", fine=(200, 404))
        return answer.status == 200

    def pull(  # noqa: ARG002, D102, RUF100
        self,
        image: str,
        credentials: Credentials | None,  # noqa: ARG002
        cancel: Cancel,
        progress: Callable[[str], None],
    ) -> None:
        registry = image.partition("/")[0]
        # Without a tag docker would pull every tag there is: a full image always has one.
        target = self._prefix + "/images/create?" + urllib.parse.urlencode({"fromImage": image})
        try:
            with unix_http.lines(
                self._path, "POST", target, silence_s=PULL_SILENCE_S, cancel=cancel
            ) as (status, answer):
                said = self._follow_pull(status, answer, progress)
        except TimeoutError:
            reason = f"image {image} cannot be pulled: nothing came for {PULL_SILENCE_S:.0f} s"
            raise RuntimeFailure(Failure.PULL, reason) from None
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(self._path, error) from None
        if said is not None:
            raise failures.from_pull(image, registry, said)
        if not self.has_image(image):
            raise failures.from_pull(image, registry, f"{self.name} ended the pull without it")

    @staticmethod
    def _follow_pull(
        status: int, answer: Iterator[bytes], progress: Callable[[str], None]
    ) -> str | None:
        """Return the error that ends the stream (docker by status, podman within), or None."""
        if status != 200:
            return failures.message_of(b"".join(answer)) or f"status {status}"
        layers: dict[str, tuple[int, int]] = {}
        told = 0.0
        for line in answer:
            try:
                step = json.loads(line)
            except ValueError:
                continue
            if not isinstance(step, dict):
                continue
            if step.get("error"):
                return " ".join(str(step["error"]).split())
            detail = step.get("progressDetail") or {}
            if isinstance(detail, dict) and detail.get("total"):
                done = int(detail.get("current") or 0)
                layers[str(step.get("id"))] = (done, int(detail["total"]))
            if layers and time.monotonic() - told >= PROGRESS_S:
                told = time.monotonic()
                progress(_amount(layers))
        return None

    def create(  # noqa: D102
        self,
        name: str,
        image: str,
        container: Container,
        labels: dict[str, str],
        instance: Instance,  # noqa: ARG002
    ) -> str:
        target = "/containers/create?" + urllib.parse.urlencode({"name": name})
        splits = self.name == "podman"
        body = creation.body_of(image, container, labels, splits_health=splits)
        answer = self._call("POST", target, f"creating {name}", body=body, fine=(201,))
        return str(self._parsed(answer, dict).get("Id", ""))

    def start(self, reference: str) -> None:  # noqa: D102
        target = f"/containers/{_quoted(reference)}/start"
        self._call("POST", target, f"starting {reference}", fine=(200, 204, 304))

    def stop(self, reference: str, grace_s: float, cancel: Cancel) -> None:  # noqa: D102
        # Without `t`, the runtime takes the grace that the container was created with.
        self._call(
            "POST",
            f"/containers/{_quoted(reference)}/stop",
            f"stopping {reference}",
            fine=(200, 204, 304, 404),
            timeout_s=grace_s + CHANGE_S,
            cancel=cancel,
        )

    def remove(self, reference: str) -> None:  # noqa: D102
        doing = f"removing {reference}"
        target = f"/containers/{_quoted(reference)}?force=true&v=true"
        until = time.monotonic() + REMOVAL_S
        while True:
            answer = self._call("DELETE", target, doing, fine=(200, 204, 404, 409))
            if answer.status != 409:
                return
            # docker: somebody is removing it already; its name is free once that is over.
            if time.monotonic() >= until:
                raise failures.from_answer(doing, answer.status, answer.body)
            time.sleep(0.05)

    def images(self) -> tuple[StoredImage, ...]:  # noqa: ARG002, D102, RUF100
        raise _later()

    def remove_image(self, reference: str) -> None:  # noqa: ARG002, D102
        raise _later()

    def logs(self, reference: str, wish: LogWish, cancel: Cancel) -> Iterator[Written]:  # noqa: ARG002, D102
        raise _later()

    def execute(  # noqa: D102
        self,
        reference: str,  # noqa: ARG002
        command: tuple[str, ...],  # noqa: ARG002
        stdin: bytes,  # noqa: ARG002
        cancel: Cancel,  # noqa: ARG002
        told: Callable[[Written], None],  # noqa: ARG002
    ) -> int:
        raise _later()

    def usage(self, reference: str) -> Usage | None:  # noqa: ARG002, D102
        raise _later()

    def checked(self, reference: str) -> Health:  # noqa: ARG002, D102
        raise _later()

    def _call(
        self,
        method: str,
        target: str,
        doing: str,
        *,
        body: Any = None,
        fine: tuple[int, ...] = (200,),
        timeout_s: float | None = None,
        cancel: Cancel | None = None,
    ) -> Answer:
        if timeout_s is None:
            timeout_s = LOOK_S if method == "GET" else CHANGE_S
        answer = _request(
            self._path,
            method,
            self._prefix + target,
            body=body,
            timeout_s=timeout_s,
            cancel=cancel,
        )
        if answer.status in fine:
            return answer
        raise failures.from_answer(doing, answer.status, answer.body)

    def _parsed(self, answer: Answer, kind: type) -> Any:
        try:
            plain = json.loads(answer.body)
        except ValueError:
            plain = None
        if not isinstance(plain, kind):
            reason = f"{self.name} gave an answer that is not JSON of the expected form"
            raise RuntimeFailure(Failure.OTHER, reason)
        return plain


def _later() -> RuntimeFailure:
    return RuntimeFailure(Failure.OTHER, "this version cannot do that yet")


def _amount(layers: dict[str, tuple[int, int]]) -> str:
    done = sum(current for current, _ in layers.values()) / 2**20
    total = sum(whole for _, whole in layers.values()) / 2**20
    return f"{done:.1f} of {total:.1f} MiB"
