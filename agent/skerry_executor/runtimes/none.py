"""What stands where no runtime can be had: every call is answered with the reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from skerry_executor.actual import Actual
from skerry_executor.cancel import Cancel
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_wire.workload import Container


class NoRuntime:
    """Refuses every call in the same words, so that nobody needs to test for "none"."""

    name = "none"

    def __init__(self, reason: str, kind: Failure = Failure.ABSENT) -> None:
        """`reason` says what was looked for and what to do."""
        self._reason = reason
        self._kind = kind

    def _fail(self) -> NoReturn:
        raise RuntimeFailure(self._kind, self._reason)

    def containers(self, node: str) -> tuple[Actual, ...]:  # noqa: ARG002, D102
        self._fail()

    def container(self, reference: str) -> Actual | None:  # noqa: ARG002, D102
        self._fail()

    def has_image(self, image: str) -> bool:  # noqa: ARG002, D102
        self._fail()

    def pull(self, image: str, cancel: Cancel, progress: Callable[[str], None]) -> None:  # noqa: ARG002, D102
        self._fail()

    def create(self, name: str, image: str, container: Container, labels: dict[str, str]) -> str:  # noqa: ARG002, D102
        self._fail()

    def start(self, reference: str) -> None:  # noqa: ARG002, D102
        self._fail()

    def stop(self, reference: str, grace_s: float, cancel: Cancel) -> None:  # noqa: ARG002, D102
        self._fail()

    def remove(self, reference: str) -> None:  # noqa: ARG002, D102
        self._fail()
