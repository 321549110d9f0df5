"""Approvals as they are kept."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from skerry_wire.approval import MAX_APPROVAL_BYTES, MAX_APPROVALS
from skerry_wire.messages import Digest
from skerry_wire.order_keys import KeyId
from skerry_wire.schema import Items
from skerry_wire.types import Name


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class KeptApproval:
    """One person's approval, as he signed it."""

    key_id: KeyId
    at: float
    envelope: Annotated[bytes, Items(MAX_APPROVAL_BYTES)]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class KeptApprovals:
    """Those of one content of one workload, the newest last."""

    workload: Name
    digest: Digest
    approvals: Annotated[tuple[KeptApproval, ...], Items(MAX_APPROVALS)]
