"""What the executor asks of a container runtime, and how a runtime answers.

A runtime is driven container by container; deciding what to do belongs to `reconcile`. Every
call may raise RuntimeFailure, whose reason is fit for an operator's eyes.
"""

from __future__ import annotations

import dataclasses
import enum
import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, Protocol

from skerry_executor.actual import Actual, CheckResult
from skerry_executor.cancel import Cancel
from skerry_executor.leftovers import Leftover
from skerry_wire.frozen import frozen
from skerry_wire.lifecycle import Usage
from skerry_wire.messages import Terminal
from skerry_wire.runtime_limits import RuntimeInUse
from skerry_wire.workload import Container, Instance


class Failure(enum.StrEnum):
    """What kind of thing went wrong."""

    ABSENT = "absent"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    NOT_FOUND = "not_found"
    NAME_TAKEN = "name_taken"
    PULL = "pull"
    PORT_IN_USE = "port_in_use"
    NO_DEVICE = "no_device"
    DISK_FULL = "disk_full"
    DAMAGED = "damaged"
    NOT_PERMITTED = "not_permitted"
    JOINED = "joined"
    """Others have its network."""
    OTHER = "other"


class RuntimeFailure(Exception):  # noqa: N818
    """A call that the runtime did not carry out.

    `wait_s`: the next try is due after this time, and none before.
    """

    def __init__(self, kind: Failure, reason: str, wait_s: float | None = None) -> None:
        super().__init__(kind, reason)
        self.kind = kind
        self.reason = reason
        self.wait_s = wait_s

    def __str__(self) -> str:
        return self.reason


@frozen()
class Credentials:
    """Who pulls from a private registry."""

    user: str
    password: str = dataclasses.field(repr=False)


@frozen(kw_only=True)
class StoredImage:
    """An image on the box. `names` are given in full; one without any is left over from a pull."""

    id: str
    names: tuple[str, ...]
    size_bytes: int


@frozen(kw_only=True)
class Storage:
    """Where a runtime keeps what takes room on the box's disks.

    `containers` has its images and what containers write; `volumes` a folder for each volume.
    """

    containers: pathlib.Path
    volumes: pathlib.Path


@frozen()
class LogMark:
    """Where a log stands, in numbers of the runtime's own: `place`, and how far from there."""

    place: int
    count: int = 0


@frozen()
class Written:
    """A piece of what a container, or a program within it, wrote.

    `mark`: of a log that is followed, where it stands with this piece.
    """

    stream: Literal["out", "err"]
    data: bytes
    mark: LogMark | None = None


@frozen(kw_only=True)
class LogWish:
    """Which part of a log: the last `tail` lines (None: all), of the last `since_s` seconds.

    `after`: only what came after this mark, which the log of the same container had. `began_at`:
    when the run began that it goes on with, in seconds since 1970, where that is a later one.
    """

    tail: int | None = None
    since_s: float | None = None
    follow: bool = False
    after: LogMark | None = None
    began_at: float | None = None


TERM = "TERM=xterm"
"""What a program with a terminal finds in its environment: docker's own word."""


@frozen()
class Program:
    """A program to run within a container.

    `input` gives what it reads as it comes, from a thread of its own, and now and then another
    size of its terminal; with its end the program's input ends. `noted` is told, before the
    program starts and again when more is known, how `end_program` may know it.
    """

    command: tuple[str, ...]
    input: Iterable[bytes | Terminal] = ()
    terminal: Terminal | None = None
    noted: Callable[[str], None] = lambda _: None

    @property
    def words(self) -> str:
        """Return what it is called in an error."""
        return self.command[0] if self.command else "nothing"


class Runtime(Protocol):
    """A container runtime of this box.

    `whole_instances`: the containers of an instance are one unit to it (a pod); one of them is
    never replaced without the others, and `create` comes for each before the first `start`.
    `spaces_restarts`: what keeps ending it restarts ever more seldom by itself.
    `counts_retries`: it starts again, and counts, what is `on-failure` so many times.
    `counts_checks`: `checked` tells what it makes of all checks so far, not of the one alone.
    """

    name: str
    whole_instances: bool
    spaces_restarts: bool
    counts_retries: bool
    counts_checks: bool

    @property
    def in_use(self) -> RuntimeInUse | None:
        """Return which runtime it is, by whose limits containers are refused; None without one."""

    def storage(self) -> Storage:
        """Return where the runtime itself says that it keeps what is on the disk."""

    def containers(self, node: str) -> tuple[Actual, ...]:
        """Return every container that carries this node's labels, whatever its state; "": any's.

        One that the runtime has and cannot tell of is returned as far as its list tells.
        """

    def container(self, reference: str) -> Actual | None:
        """Return one container of ours by id or name; None when there is none such."""

    def has_image(self, image: str) -> bool:
        """Say whether an image, given in full, is on the box."""

    def pull(
        self,
        image: str,
        credentials: Credentials | None,
        cancel: Cancel,
        progress: Callable[[int, int], None],
    ) -> None:
        """Fetch an image, given in full. May raise Cancelled.

        `progress` is told how many bytes are there, and of how many, as far as is known by then.
        """

    def create(
        self,
        name: str,
        image: str,
        container: Container,
        labels: dict[str, str],
        instance: Instance,
    ) -> str:
        """Create a container of an instance and return its id.

        `container` has what the box adds already: device nodes, mounts of its files, the secrets
        in its environment. A failure says nothing of them.
        """

    def start(self, reference: str) -> None:
        """Start a container by id or name; one that runs already is left as it is."""

    def stop(self, reference: str, grace_s: float, cancel: Cancel) -> None:
        """Stop a container within its own grace; one that does not run, or is gone, is fine."""

    def remove(self, reference: str) -> None:
        """Remove a container and its anonymous volumes; one that is gone is fine."""

    def leftovers(self) -> tuple[Leftover, ...]:
        """Return what its storage has, and it itself does not know as a container; any names."""

    def images(self) -> tuple[StoredImage, ...]:
        """Return every image on the box, whoever pulled it."""

    def remove_image(self, reference: str) -> None:
        """Remove an image, by id or name, that no container uses; one that is gone is fine.

        One in use is a failure, and stays.
        """

    def logs(self, reference: str, wish: LogWish, cancel: Cancel) -> Iterator[Written]:
        """Yield what a container wrote, oldest first. May raise Cancelled.

        What is followed ends with the container's run. A first piece may be empty, for its mark.
        """

    def execute(
        self,
        reference: str,
        program: Program,
        cancel: Cancel,
        told: Callable[[Written], None],
    ) -> int:
        """Run a program within a running container and return its exit status.

        Cancelled, it is killed with what it started, as `end_program` does. What a program with a
        terminal writes is all of one stream.
        """

    def end_program(self, token: str) -> None:
        """Kill a program that goes on although nobody waits for it; one that is gone is fine."""

    def usage(self, reference: str) -> Usage | None:
        """Return what a container uses now; None when it does not run."""

    def checked(self, reference: str) -> CheckResult:
        """Return a container's health by its own command, run now where the runtime can.

        NONE without such a check; http and tcp probes are not the runtime's affair.
        """
