"""What the core knows of having joined a hub, and of the box's certificate. Values alone."""

from __future__ import annotations

import math

from skerry_wire.frozen import frozen


@frozen(kw_only=True)
class Enrollment:
    """Which hub the box has joined, and its certificate, as that was kept."""

    hub: str
    issued_at: float
    """By the box's wall clock, which may have been wrong."""
    lifetime_s: float
    renew_after_s: float


@frozen(kw_only=True)
class Renewal:
    """What is known of the renewal of one certificate. Times are of the clock since boot."""

    due: float = math.inf
    running: bool = False
    failures: int = 0
    tried_at: float = -math.inf
    problem: str | None = None
    born: float = 0.0
    """When the certificate was issued, as far as is known."""
    refused: bool = False
    """The broker refused the certificate, and has not taken one since."""


NO_RENEWAL = Renewal()


@frozen(kw_only=True)
class Shared:
    """Whether another box is this node, too: what is said of it, and until when it counts."""

    problem: str | None = None
    until: float = -math.inf


NOT_SHARED = Shared()
