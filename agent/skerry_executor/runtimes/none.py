"""What stands where no runtime can be had: every call is answered with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NoReturn

from skerry_executor.actual import Actual, CheckResult
from skerry_executor.cancel import Cancel
from skerry_executor.leftovers import Leftover
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
from skerry_wire.lifecycle import Usage
from skerry_wire.workload import Container, Instance


class NoRuntime:
    """Refuses every call in the same words, so that nobody needs to test for "none"."""

    # ruff: noqa: ARG002, D102 - the protocol says what each is, and none of them is looked at

    name = "none"
    in_use = None
    whole_instances = False
    spaces_restarts = True
    counts_retries = counts_checks = True

    def __init__(self, reason: str, kind: Failure = Failure.ABSENT) -> None:
        """`reason` says what was looked for and what to do."""
        self._reason = reason
        self._kind = kind

    def _fail(self) -> NoReturn:
        raise RuntimeFailure(self._kind, self._reason)

    def storage(self) -> Storage:
        self._fail()

    def containers(self, node: str) -> tuple[Actual, ...]:
        self._fail()

    def container(self, reference: str) -> Actual | None:
        self._fail()

    def has_image(self, image: str) -> bool:
        self._fail()

    def pull(
        self,
        image: str,
        credentials: Credentials | None,
        cancel: Cancel,
        progress: Callable[[int, int], None],
    ) -> None:
        self._fail()

    def create(
        self,
        name: str,
        image: str,
        container: Container,
        labels: dict[str, str],
        instance: Instance,
    ) -> str:
        self._fail()

    def start(self, reference: str) -> None:
        self._fail()

    def stop(self, reference: str, grace_s: float, cancel: Cancel) -> None:
        self._fail()

    def remove(self, reference: str) -> None:
        self._fail()

    def leftovers(self) -> tuple[Leftover, ...]:
        self._fail()

    def images(self) -> tuple[StoredImage, ...]:
        self._fail()

    def remove_image(self, reference: str) -> None:
        self._fail()

    def logs(self, reference: str, wish: LogWish, cancel: Cancel) -> Iterator[Written]:
        self._fail()

    def execute(
        self,
        reference: str,
        program: Program,
        cancel: Cancel,
        told: Callable[[Written], None],
    ) -> int:
        self._fail()

    def end_program(self, token: str) -> None:
        self._fail()

    def usage(self, reference: str) -> Usage | None:
        self._fail()

    def checked(self, reference: str) -> CheckResult:
        self._fail()
