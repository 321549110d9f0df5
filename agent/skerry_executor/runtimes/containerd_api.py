"""containerd's own services: containers, tasks and snapshots, over gRPC on its socket.

Everything is in the namespace of the CRI, because images come in by the CRI: it alone has
containerd itself fetch them, with credentials that no command line or file holds. Field numbers:
https://github.com/containerd/containerd/tree/main/api/services
"""

from __future__ import annotations

import dataclasses
import enum
import json
from typing import Any

from skerry_executor.cancel import Cancel
from skerry_executor.runtimes import failures, grpc
from skerry_executor.runtimes import protobuf as pb
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_wire.frozen import frozen

NAMESPACE = "k8s.io"
CALL_S = 60.0
SPEC = "types.containerd.io/opencontainers/runtime-spec/1/Spec"
PROCESS = "types.containerd.io/opencontainers/runtime-spec/1/Process"

_CONTAINERS = "/containerd.services.containers.v1.Containers/"
_TASKS = "/containerd.services.tasks.v1.Tasks/"
_SNAPSHOTS = "/containerd.services.snapshots.v1.Snapshots/"
_HEADERS = (("containerd-namespace", NAMESPACE),)


class Status(enum.IntEnum):
    """Where a task stands."""

    UNKNOWN = 0
    CREATED = 1
    RUNNING = 2
    STOPPED = 3
    PAUSED = 4
    PAUSING = 5


@frozen(kw_only=True)
class Record:
    """A container as containerd keeps it: what is to be run, whether or not it runs."""

    id: str
    labels: dict[str, str]
    image: str
    snapshotter: str
    snapshot: str
    spec: bytes = dataclasses.field(repr=False)

    def cgroup(self) -> str | None:
        """Return the path of its cgroup; None where it is one of systemd's, in systemd's words."""
        linux = json.loads(self.spec).get("linux")
        path = linux.get("cgroupsPath") if isinstance(linux, dict) else None
        return path if isinstance(path, str) and path.startswith("/") else None

    def process(self) -> dict[str, Any]:
        """Return the process of its specification."""
        found = json.loads(self.spec).get("process")
        return found if isinstance(found, dict) else {}


@frozen(kw_only=True)
class Task:
    """What runs of a container, or has run."""

    pid: int
    status: Status
    exit_status: int


class Containerd:
    """The services behind a socket. Every call may raise RuntimeFailure."""

    def __init__(self, path: str, call_s: float = CALL_S) -> None:
        """`path` is the socket's; `call_s` is how long an answer is waited for."""
        self.path = path
        self._call_s = call_s

    def version(self) -> tuple[int, ...]:
        """Return the version, such as (1, 6, 20)."""
        method = "/containerd.services.version.v1.Version/Version"
        text = self._ask(method, b"", "asking for the version").text(1)
        numbers = text.removeprefix("v").replace("~", ".").replace("-", ".").split(".")
        return tuple(int(number) for number in numbers[:3] if number.isdecimal())

    # --- containers ----------------------------------------------------------------------

    def containers(self, label: str, value: str = "") -> tuple[Record, ...]:
        """Return the containers that have a label, with that value where one is given."""
        asked = f'labels."{label}"' + (f"=={json.dumps(value)}" if value else "")
        wanted = pb.texts(1, [asked])
        answer = self._ask(_CONTAINERS + "List", wanted, "listing the containers")
        return tuple(_record(one) for one in answer.messages(1))

    def container(self, container: str) -> Record | None:
        """Return a container by id."""
        doing = f"looking at container {container}"
        answer = self._find(_CONTAINERS + "Get", pb.text(1, container), doing)
        return None if answer is None else _record(answer.message(1))

    def create(self, record: Record, runtime: str, doing: str) -> None:
        """Make a container."""
        message = _message(record) + pb.data(4, pb.text(1, runtime))
        self._ask(_CONTAINERS + "Create", pb.data(1, message), doing)

    def label(self, container: str, labels: dict[str, str]) -> None:
        """Give a container exactly these labels."""
        message = pb.text(1, container) + pb.text_map(2, labels)
        mask = pb.data(2, pb.texts(1, ["labels"]))
        self._ask(
            _CONTAINERS + "Update", pb.data(1, message) + mask, f"labelling container {container}"
        )

    def note(self, container: str, name: str, value: str) -> None:
        """Give a container one label more, whatever others it has by now."""
        message = pb.text(1, container) + pb.text_map(2, {name: value})
        mask = pb.data(2, pb.texts(1, [f"labels.{name}"]))
        self._ask(
            _CONTAINERS + "Update", pb.data(1, message) + mask, f"labelling container {container}"
        )

    def delete(self, container: str) -> None:
        """Remove a container that has no task; one that is gone is fine."""
        doing = f"removing container {container}"
        self._find(_CONTAINERS + "Delete", pb.text(1, container), doing)

    # --- snapshots -----------------------------------------------------------------------

    def prepare(self, snapshotter: str, key: str, parent: str, labels: dict[str, str]) -> None:
        """Make a writable snapshot."""
        wanted = pb.text(1, snapshotter) + pb.text(2, key) + pb.text(3, parent)
        self._ask(_SNAPSHOTS + "Prepare", wanted + pb.text_map(4, labels), f"making snapshot {key}")

    def mounts(self, snapshotter: str, key: str) -> tuple[bytes, ...]:
        """Return the mounts of a snapshot, as the messages that a task takes."""
        wanted = pb.text(1, snapshotter) + pb.text(2, key)
        answer = self._ask(_SNAPSHOTS + "Mounts", wanted, f"looking at snapshot {key}")
        return answer.datas(1)

    def remove_snapshot(self, snapshotter: str, key: str) -> None:
        """Remove a snapshot; one that is gone is fine."""
        wanted = pb.text(1, snapshotter) + pb.text(2, key)
        self._find(_SNAPSHOTS + "Remove", wanted, f"removing snapshot {key}")

    # --- tasks ---------------------------------------------------------------------------

    def task(self, container: str, exec_id: str = "") -> Task | None:
        """Return the task of a container, or a program that was run in it."""
        wanted = pb.text(1, container) + pb.text(2, exec_id)
        answer = self._find(_TASKS + "Get", wanted, f"looking at the task of {container}")
        if answer is None:
            return None
        found = answer.message(1)
        number = found.number(4)
        return Task(
            pid=found.number(3),
            status=Status(number) if number <= Status.PAUSING else Status.UNKNOWN,
            exit_status=found.number(9),
        )

    def create_task(self, container: str, mounts: tuple[bytes, ...], log: str, doing: str) -> None:
        """Make a task whose output goes to a file."""
        wanted = pb.text(1, container) + b"".join(pb.data(3, one) for one in mounts)
        self._ask(_TASKS + "Create", wanted + pb.text(5, log) + pb.text(6, log), doing)

    def start(self, container: str, doing: str, exec_id: str = "") -> None:
        """Start a task, or a program in it."""
        self._ask(_TASKS + "Start", pb.text(1, container) + pb.text(2, exec_id), doing)

    def kill(self, container: str, signal: int, exec_id: str = "") -> None:
        """Send a signal; to a task that is gone is fine."""
        everything = pb.number(4, int(signal == 9 and not exec_id))
        wanted = pb.text(1, container) + pb.text(2, exec_id) + pb.number(3, signal) + everything
        self._find(_TASKS + "Kill", wanted, f"stopping {container}")

    def wait(self, container: str, timeout_s: float, cancel: Cancel | None) -> bool:
        """Wait for the end of a task; say whether it came within the time."""
        try:
            grpc.call(
                self.path,
                _TASKS + "Wait",
                pb.text(1, container),
                timeout_s=timeout_s,
                headers=_HEADERS,
                cancel=cancel,
            )
        except TimeoutError:
            return False
        except grpc.GrpcError as error:
            if error.status != grpc.NOT_FOUND:
                raise failures.from_grpc(
                    f"waiting for {container}", error.status, error.said
                ) from None
        except OSError as error:
            raise failures.unreachable(self.path, error) from None
        return True

    def delete_task(self, container: str, exec_id: str = "") -> None:
        """Remove a task that has ended; one that is gone is fine."""
        wanted = pb.text(1, container)
        if not exec_id:
            self._find(_TASKS + "Delete", wanted, f"removing the task of {container}")
            return
        doing = f"removing a program of {container}"
        self._find(_TASKS + "DeleteProcess", wanted + pb.text(2, exec_id), doing)

    def execute(
        self, container: str, exec_id: str, process: dict[str, Any], pipes: tuple[str, str, str]
    ) -> None:
        """Make a program in a task; `pipes` are named pipes for its input, output and errors."""
        spec = pb.text(1, PROCESS) + pb.data(2, json.dumps(process).encode())
        wanted = pb.text(1, container) + b"".join(
            pb.text(field, pipe) for field, pipe in zip((2, 3, 4), pipes, strict=True)
        )
        terminal = pb.number(5, int(bool(process.get("terminal"))))
        wanted += terminal + pb.data(6, spec) + pb.text(7, exec_id)
        self._ask(_TASKS + "Exec", wanted, f"running a program in {container}")

    def close_input(self, container: str, exec_id: str) -> None:
        """Let a program see the end of its input."""
        wanted = pb.text(1, container) + pb.text(2, exec_id) + pb.number(3, 1)
        self._find(_TASKS + "CloseIO", wanted, f"ending the input of a program of {container}")

    def resize(self, container: str, exec_id: str, columns: int, rows: int) -> None:
        """Give a program's terminal another size."""
        wanted = pb.text(1, container) + pb.text(2, exec_id)
        wanted += pb.number(3, columns) + pb.number(4, rows)
        self._find(_TASKS + "ResizePty", wanted, f"sizing a terminal in {container}")

    # --- calls ---------------------------------------------------------------------------

    def _find(self, method: str, message: bytes, doing: str) -> pb.Fields | None:
        try:
            return self._ask(method, message, doing)
        except RuntimeFailure as failure:
            if failure.kind is Failure.NOT_FOUND:
                return None
            raise

    def _ask(self, method: str, message: bytes, doing: str) -> pb.Fields:
        try:
            answer = grpc.call(self.path, method, message, timeout_s=self._call_s, headers=_HEADERS)
            return pb.Fields(answer)
        except grpc.GrpcError as error:
            raise failures.from_grpc(doing, error.status, error.said) from None
        except pb.ProtobufError as error:
            reason = f"{doing}: the answer cannot be read: {error}"
            raise RuntimeFailure(Failure.OTHER, reason) from None
        except OSError as error:
            raise failures.unreachable(self.path, error) from None


def _message(record: Record) -> bytes:
    spec = pb.text(1, SPEC) + pb.data(2, record.spec)
    return (
        pb.text(1, record.id)
        + pb.text_map(2, record.labels)
        + pb.text(3, record.image)
        + pb.data(5, spec)
        + pb.text(6, record.snapshotter)
        + pb.text(7, record.snapshot)
    )


def _record(found: pb.Fields) -> Record:
    return Record(
        id=found.text(1),
        labels=found.text_map(2),
        image=found.text(3),
        snapshotter=found.text(6),
        snapshot=found.text(7),
        spec=found.message(5).data(2),
    )
