"""What the hub answers about approvals, as far as the command line reads it."""

from __future__ import annotations

from skerry_cli.records import Words
from skerry_wire.frozen import frozen


@frozen(kw_only=True)
class Approval:
    """An approval that was given."""

    workload: Words
    digest: Words
    key_id: Words
    at: float = 0.0
