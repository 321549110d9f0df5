"""What the executor asks of a container runtime, and how a runtime answers.

A runtime is driven container by container; deciding what to do belongs to `reconcile`. Every
call may raise RuntimeFailure, whose reason is fit for an operator's eyes.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Protocol

from skerry_executor.actual import Actual
from skerry_executor.cancel import Cancel
from skerry_wire.workload import Container


class Failure(enum.StrEnum):
    """What kind of thing went wrong."""

    ABSENT = "absent"
    UNREACHABLE = "unreachable"
    NOT_FOUND = "not_found"
    NAME_TAKEN = "name_taken"
    PULL = "pull"
    PORT_IN_USE = "port_in_use"
    NO_DEVICE = "no_device"
    DISK_FULL = "disk_full"
    OTHER = "other"


class RuntimeFailure(Exception):  # noqa: N818
    """A call that the runtime did not carry out."""

    def __init__(self, kind: Failure, reason: str) -> None:
        super().__init__(kind, reason)
        self.kind = kind
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class Runtime(Protocol):
    """A container runtime of this box."""

    name: str

    def containers(self, node: str) -> tuple[Actual, ...]:
        """Return every container that carries this node's labels, whatever its state."""

    def container(self, reference: str) -> Actual | None:
        """Return one container of ours by id or name; None when there is none such."""

    def has_image(self, image: str) -> bool:
        """Say whether an image, given in full, is on the box."""

    def pull(self, image: str, cancel: Cancel, progress: Callable[[str], None]) -> None:
        """Fetch an image, given in full. `progress` is told in words. May raise Cancelled."""

    def create(self, name: str, image: str, container: Container, labels: dict[str, str]) -> str:
        """Create a container and return its id."""

    def start(self, reference: str) -> None:
        """Start a container by id or name; one that runs already is left as it is."""

    def stop(self, reference: str, grace_s: float, cancel: Cancel) -> None:
        """Stop a container within its own grace; one that does not run, or is gone, is fine."""

    def remove(self, reference: str) -> None:
        """Remove a container and its anonymous volumes; one that is gone is fine."""
