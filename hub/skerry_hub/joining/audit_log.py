"""What joining wants of the audit log: `access.audit.Audit` is one."""

from __future__ import annotations

from typing import Protocol


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
