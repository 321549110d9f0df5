"""How the hub itself is: the JSON of `/api/v1/health`."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PartView:
    """A part of the hub.

    `writer`, `store`; `broker`, which fails where no box can be heard; `access`, which fails where
    the broker has not been told whom to keep out.
    """

    name: str
    ok: bool
    since: float
    """Since when that is so, in s since 1970; of a broker that fails: when a box was heard last."""
    reason: str | None = None
    """Why it is not."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HealthView:
    """How the hub is. Where it is not `ready`, what it shows of boxes may be old."""

    ready: bool
    parts: tuple[PartView, ...]
