"""What joining wants of the audit log: `access.audit.Audit` is one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Protocol

import structlog

from skerry_hub.store_error import StoreError
from skerry_hub.work import RefusedError

log = structlog.get_logger("joining")


class Row(Protocol):
    """What was written."""

    @property
    def seq(self) -> int:
        """Return its number."""


class AuditLog(Protocol):
    """Where what is done is written, before and after."""

    def record(self, who: str, action: str, **facts: str) -> Row:
        """Write it. Raises StoreError: then it must not be done."""


class _Nothing:
    seq = 0


class NoAudit:
    """For whoever keeps no log: tests, and tools without a hub."""

    def record(self, who: str, action: str, **facts: str) -> Row:  # noqa: ARG002
        """Do nothing."""
        return _Nothing()


@contextlib.contextmanager
def noted(audit: AuditLog, action: str, node: str, **facts: str) -> Iterator[dict[str, str]]:
    """Have the log say what is about to be done of a box, and then what came of it.

    Raises StoreError where it cannot say the first: then nothing is done.
    """
    row = audit.record(f"node {node}", action, phase="intent", subject=node, **facts)
    outcome = {"phase": "outcome", "of": str(row.seq), "status": "done"}
    try:
        yield outcome
    except (RefusedError, StoreError) as error:
        outcome |= {"status": "refused", "reason": str(error)}
        raise
    finally:
        try:
            audit.record(f"node {node}", action, subject=node, **outcome)
        except StoreError as error:
            log.error("an outcome is not in the audit log", of=row.seq, reason=str(error))
