"""What stands between the API and whoever asks: the valid tokens, the limits, the audit log."""

from __future__ import annotations

import pathlib

from skerry_hub import metrics
from skerry_hub.access.audit import Audit
from skerry_hub.access.callers import Callers
from skerry_hub.access.limits import OF_ADDRESS, OF_DENIALS, OF_FAILURES, OF_TOKEN, Buckets
from skerry_hub.store import Store

BODY_S = 30.0
"""How long a request's body may take to come."""


class Access:
    """Of one hub. `callers` is None where everybody may ask everything, on loopback."""

    def __init__(
        self,
        store: Store,
        *,
        tokens: bool = True,
        stamp: pathlib.Path | None = None,
        body_s: float = BODY_S,
    ) -> None:
        """Read what is needed. Raises StoreError."""
        self.store = store
        self.body_s = body_s
        self.audit = Audit(store)
        self.callers = Callers(store, stamp) if tokens else None
        self.of_tokens = Buckets(OF_TOKEN)
        self.of_addresses = Buckets(OF_ADDRESS)
        self.of_failures = Buckets(OF_FAILURES)
        self.of_denials = Buckets(OF_DENIALS)

    def count_failure(self) -> None:
        """Count a request that showed no valid token."""
        metrics.UNAUTHORIZED.inc()
