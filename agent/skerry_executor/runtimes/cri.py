"""The Container Runtime Interface, by which a kubelet drives its container runtime.

Only what is asked here is known of it; pods are made by the kubelet alone. Field numbers:
https://github.com/kubernetes/cri-api/blob/master/pkg/apis/runtime/v1/api.proto
"""

from __future__ import annotations

import enum
import json
import pathlib
from collections.abc import Iterable
from typing import Any

from skerry_executor.cancel import Cancel
from skerry_executor.runtimes import failures, grpc
from skerry_executor.runtimes import protobuf as pb
from skerry_executor.runtimes.base import Credentials, Failure, RuntimeFailure, StoredImage
from skerry_wire.frozen import frozen
from skerry_wire.images import parse_image

LOOK_S = 30.0
PULL_S = 3600.0
NANOSECONDS = 1_000_000_000

_RUNTIME = "/runtime.v1.RuntimeService/"
_IMAGES = "/runtime.v1.ImageService/"
_HOSTS = {"docker.io": "registry-1.docker.io"}
"""Where a registry's name is not the host that is asked."""

_DIGEST = "sha256:"
_SNAPSHOTTER = "io.containerd.snapshotter.v1."


class State(enum.IntEnum):
    """Where a container stands."""

    CREATED = 0
    RUNNING = 1
    EXITED = 2
    UNKNOWN = 3


@frozen(kw_only=True)
class Sandbox:
    """What holds a pod's containers. `uid` is the pod's."""

    id: str
    uid: str
    ready: bool
    created_ns: int
    annotations: dict[str, str]


@frozen(kw_only=True)
class Listed:
    """A container as it is listed. Of those with the same name the newest attempt counts."""

    id: str
    sandbox: str
    name: str
    attempt: int
    state: State
    created_ns: int
    image: str


@frozen(kw_only=True)
class Status:
    """One container, looked at closely."""

    state: State
    started_at: float | None
    exit_code: int
    reason: str
    message: str
    log_path: str
    pid: int | None


@frozen(kw_only=True)
class Unpacked:
    """An image of containerd as it is unpacked: its topmost snapshot, and its configuration."""

    chain: str
    config: Any


class Cri:
    """The runtime behind a socket. Every call may raise RuntimeFailure."""

    def __init__(self, path: str, look_s: float = LOOK_S) -> None:
        """`path` is the socket's; `look_s` is how long an answer is waited for."""
        self.path = path
        self._look_s = look_s

    def name(self) -> str:
        """Return the runtime's name, such as containerd."""
        return self._ask(_RUNTIME + "Version", b"", "asking the runtime's name").text(2)

    def sandboxes(self) -> tuple[Sandbox, ...]:
        """Return the sandboxes of all pods, whoever made them."""
        answer = self._ask(_RUNTIME + "ListPodSandbox", b"", "listing the pods")
        return tuple(
            Sandbox(
                id=one.text(1),
                uid=one.message(2).text(2),
                ready=one.number(3) == 0,
                created_ns=one.signed(4),
                annotations=one.text_map(6),
            )
            for one in answer.messages(1)
        )

    def address(self, sandbox: str) -> str | None:
        """Return the address of a pod; None where it has none of its own."""
        wanted = pb.text(1, sandbox)
        try:
            answer = self._ask(_RUNTIME + "PodSandboxStatus", wanted, f"looking at pod {sandbox}")
        except RuntimeFailure as failure:
            if failure.kind is Failure.NOT_FOUND:
                return None
            raise
        return answer.message(1).message(5).text(1) or None

    def containers(self) -> tuple[Listed, ...]:
        """Return every container."""
        answer = self._ask(_RUNTIME + "ListContainers", b"", "listing the containers")
        return tuple(
            Listed(
                id=one.text(1),
                sandbox=one.text(2),
                name=one.message(3).text(1),
                attempt=one.message(3).number(2),
                state=_state(one.number(6)),
                created_ns=one.signed(7),
                image=one.text(5).removeprefix(_DIGEST),
            )
            for one in answer.messages(1)
        )

    def status(self, container: str) -> Status | None:
        """Return how a container is; None when it is gone."""
        wanted = pb.text(1, container) + pb.number(2, 1)
        doing = f"looking at container {container}"
        try:
            answer = self._ask(_RUNTIME + "ContainerStatus", wanted, doing)
        except RuntimeFailure as failure:
            if failure.kind is Failure.NOT_FOUND:
                return None
            raise
        found = answer.message(1)
        started_ns = found.signed(5)
        code = found.signed(7)
        return Status(
            state=_state(found.number(3)),
            started_at=started_ns / NANOSECONDS if started_ns > 0 else None,
            exit_code=max(-(2**31), min(code, 2**31 - 1)),
            reason=found.text(10),
            message=found.text(11),
            log_path=found.text(15),
            pid=_pid(answer.text_map(2)),
        )

    def stop(self, container: str, grace_s: float, cancel: Cancel) -> None:
        """Stop a container; one that is gone is fine."""
        wanted = pb.text(1, container) + pb.number(2, round(grace_s))
        doing = f"stopping container {container}"
        limit_s = grace_s + LOOK_S
        try:
            self._ask(_RUNTIME + "StopContainer", wanted, doing, timeout_s=limit_s, cancel=cancel)
        except RuntimeFailure as failure:
            # containerd also fails where it ends by itself at that moment. One that does not
            # answer is not asked again.
            is_over = failure.kind is Failure.OTHER and not self._runs(container)
            if failure.kind is not Failure.NOT_FOUND and not is_over:
                raise

    def _runs(self, container: str) -> bool:
        found = self.status(container)
        return found is not None and found.state is State.RUNNING

    def stop_sandbox(self, sandbox: str) -> None:
        """Stop a pod with all that is in it; one that is gone is fine."""
        wanted = pb.text(1, sandbox)
        try:
            self._ask(_RUNTIME + "StopPodSandbox", wanted, f"stopping pod {sandbox}")
        except RuntimeFailure as failure:
            if failure.kind is not Failure.NOT_FOUND:
                raise

    def execute(
        self, container: str, command: tuple[str, ...], timeout_s: float, cancel: Cancel | None
    ) -> tuple[int, bytes, bytes]:
        """Run a program in a container; return its exit status and what it wrote."""
        limit = pb.number(3, max(1, round(timeout_s)))
        wanted = pb.text(1, container) + pb.texts(2, command) + limit
        doing = f"running a program in container {container}"
        answer = self._ask(
            _RUNTIME + "ExecSync", wanted, doing, timeout_s=timeout_s + LOOK_S, cancel=cancel
        )
        return answer.signed(3), answer.data(1), answer.data(2)

    def usage(self, container: str) -> tuple[float, int] | None:
        """Return seconds of CPU and bytes of memory that a container uses; None when it is gone."""
        wanted = pb.text(1, container)
        doing = f"measuring container {container}"
        try:
            answer = self._ask(_RUNTIME + "ContainerStats", wanted, doing)
        except RuntimeFailure as failure:
            if failure.kind is Failure.NOT_FOUND:
                return None
            raise
        stats = answer.message(1)
        cpu_ns = stats.message(2).message(2).number(1)
        memory = stats.message(3).message(2).number(1)
        return cpu_ns / NANOSECONDS, memory

    def sandbox_image(self) -> str | None:
        """Return the image of which sandboxes are made, where the runtime tells it."""
        image = self._config().get("sandboxImage")
        return image if isinstance(image, str) else None

    def snapshotter(self) -> str:
        """Return containerd's snapshotter, into which it unpacks images.

        Its folder has its name. From containerd 2.0 on, its settings are told no more.
        """
        name = self.storage().name
        return name.removeprefix(_SNAPSHOTTER) if name.startswith(_SNAPSHOTTER) else "overlayfs"

    def _config(self) -> dict[str, Any]:
        """Return the settings of containerd's CRI; empty where the runtime is another."""
        answer = self._ask(_RUNTIME + "Status", pb.number(1, 1), "asking for the settings")
        return _told(answer.text_map(2).get("config"))

    def storage(self) -> pathlib.Path:
        """Return a folder on the file system of images and of what containers write."""
        doing = "asking where images are kept"
        answer = self._ask(_IMAGES + "ImageFsInfo", b"", doing)
        for one in answer.messages(1):
            folder = pathlib.Path(one.message(2).text(1))
            if folder.is_absolute():
                return folder
        raise RuntimeFailure(Failure.OTHER, f"{doing}: the answer names no folder")

    # --- images --------------------------------------------------------------------------

    def image(self, image: str) -> StoredImage | None:
        """Return an image by name or id; None when it is not on the box."""
        answer = self._image_status(image)
        return _image(answer.message(1)) if answer.has(1) else None

    def is_pinned(self, image: str) -> bool:
        """Say whether the runtime itself needs an image."""
        if self._image_status(image).message(1).number(8):
            return True
        needed = self.sandbox_image()
        found = None if needed is None else self.image(needed)
        own = self.image(image)
        return found is not None and own is not None and found.id == own.id

    def unpacked(self, image: str) -> Unpacked | None:
        """Return what containerd tells of an image; None when it is not on the box."""
        answer = self._image_status(image, verbose=True)
        told = _told(answer.text_map(2).get("info"))
        if not answer.has(1):
            return None
        return Unpacked(chain=str(told.get("chainID", "")), config=told.get("imageSpec"))

    def _image_status(self, image: str, *, verbose: bool = False) -> pb.Fields:
        wanted = pb.data(1, pb.text(1, image)) + pb.number(2, int(verbose))
        return self._ask(_IMAGES + "ImageStatus", wanted, f"looking for image {image}")

    def images(self) -> tuple[StoredImage, ...]:
        """Return every image."""
        answer = self._ask(_IMAGES + "ListImages", b"", "listing the images")
        return tuple(_image(one) for one in answer.messages(1))

    def pull(self, image: str, credentials: Credentials | None, cancel: Cancel) -> None:
        """Have the runtime fetch an image."""
        registry = parse_image(image).registry
        wanted = pb.data(1, pb.text(1, image))
        if credentials is not None:
            login = pb.text(1, credentials.user) + pb.text(2, credentials.password)
            # Named, so that no other host, to which a pull may be sent on, is told the password.
            wanted += pb.data(2, login + pb.text(4, f"https://{_HOSTS.get(registry, registry)}"))
        try:
            grpc.call(self.path, _IMAGES + "PullImage", wanted, timeout_s=PULL_S, cancel=cancel)
        except grpc.GrpcError as error:
            user = None if credentials is None else credentials.user
            raise failures.from_pull(image, registry, error.said, user) from None
        except TimeoutError:
            reason = f"image {image} cannot be pulled: it takes more than {PULL_S:.0f} s"
            raise RuntimeFailure(Failure.PULL, reason) from None
        except OSError as error:
            raise failures.unreachable(self.path, error) from None

    def remove_unused(self, reference: str, users: Iterable[tuple[str, str]]) -> None:
        """Remove an image that nobody needs; one that is gone is fine.

        `users` are containers by name and image, beside those of the CRI itself: its own call
        removes what is in use, too. Raises RuntimeFailure for one in use.
        """
        image = self.image(reference)
        if image is None:
            return
        names = {image.id, *image.names}
        using = [f"container {name}" for name, needed in users if needed in names]
        # What has ended in a pod that has ended starts never again; in another it may.
        going = {one.id for one in self.sandboxes() if one.ready}
        using += [
            f"container {one.name}"
            for one in self.containers()
            if one.image in names and (one.state is not State.EXITED or one.sandbox in going)
        ]
        if self.is_pinned(reference):
            using.append("the runtime itself")
        if using:
            raise RuntimeFailure(Failure.OTHER, f"image {reference} is in use by {using[0]}")
        self.remove_image(image.id)

    def remove_image(self, image: str) -> None:
        """Remove an image with all its names; one that is gone is fine."""
        wanted = pb.data(1, pb.text(1, image))
        self._ask(_IMAGES + "RemoveImage", wanted, f"removing image {image}")

    def _ask(
        self,
        method: str,
        message: bytes,
        doing: str,
        timeout_s: float | None = None,
        cancel: Cancel | None = None,
    ) -> pb.Fields:
        try:
            limit_s = self._look_s if timeout_s is None else timeout_s
            answer = grpc.call(self.path, method, message, timeout_s=limit_s, cancel=cancel)
            return pb.Fields(answer)
        except grpc.GrpcError as error:
            raise failures.from_grpc(doing, error.status, error.said) from None
        except pb.ProtobufError as error:
            reason = f"{doing}: the answer cannot be read: {error}"
            raise RuntimeFailure(Failure.OTHER, reason) from None
        except OSError as error:
            raise failures.unreachable(self.path, error) from None


def _state(number: int) -> State:
    return State(number) if 0 <= number < State.UNKNOWN else State.UNKNOWN


def _image(one: pb.Fields) -> StoredImage:
    names = (*one.texts(2), *one.texts(3))
    return StoredImage(id=one.text(1).removeprefix(_DIGEST), names=names, size_bytes=one.number(4))


def _pid(info: dict[str, str]) -> int | None:
    """Return the process of a container; runtimes tell it in words of their own, as JSON."""
    pid = _told(info.get("info")).get("pid")
    return pid if isinstance(pid, int) and pid > 0 else None


def _told(text: str | None) -> dict[str, Any]:
    """Return an object of JSON that a runtime tells beside its answer; empty for anything else."""
    try:
        told = json.loads(text or "null")
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
