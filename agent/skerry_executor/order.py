"""Whether an order is the hub's, and for this node, and newer than what is known. Pure.

Nothing of a payload is looked at before its signature has been verified.
"""

from __future__ import annotations

import collections
from collections.abc import Mapping

from skerry_executor.faults import lifecycle_fault
from skerry_executor.specs import name_of
from skerry_executor.start_order import fault
from skerry_wire import codec, envelope
from skerry_wire.errors import WireError
from skerry_wire.frozen import frozen
from skerry_wire.messages import Envelope, Order, Refusal

MALFORMED = "malformed"
UNKNOWN_KEY = "unknown_key"
BAD_SIGNATURE = "bad_signature"
OTHER_NODE = "other_node"
OTHER_INCARNATION = "other_incarnation"
STALE_GENERATION = "stale_generation"
CONFLICTING_GENERATION = "conflicting_generation"
POLICY = "policy"
NOT_KEPT = "not_kept"
CODES = (
    MALFORMED,
    UNKNOWN_KEY,
    BAD_SIGNATURE,
    OTHER_NODE,
    OTHER_INCARNATION,
    STALE_GENERATION,
    CONFLICTING_GENERATION,
    POLICY,
    NOT_KEPT,
)
"""Every code that a refusal of the executor may have."""

MAX_REASON = 1024
UNVERIFIED = 0
"""The generation of a refusal when the payload proves nothing about it."""


@frozen(kw_only=True)
class Identity:
    """The node and incarnation that orders must be for."""

    node: str
    incarnation: str


@frozen(kw_only=True)
class HighWater:
    """The newest generation that was accepted, and the digest of its payload."""

    generation: int
    digest: str


@frozen(kw_only=True)
class Verified:
    """An order of the hub for this node that is not older than the high-water mark."""

    order: Order
    digest: str


def verify(
    data: bytes, keys: Mapping[str, bytes], identity: Identity, high_water: HighWater | None
) -> Verified | Refusal:
    """Return the order that the bytes of an Envelope hold, or why it is refused."""
    try:
        sealed = codec.decode(Envelope, data)
    except WireError as error:
        return refusal(MALFORMED, f"envelope: {error}")
    key = keys.get(sealed.key_id)
    if key is None:
        return refusal(UNKNOWN_KEY, f"key {sealed.key_id} is not among the box's trusted keys")
    if not signature_fits(sealed, key):
        return refusal(BAD_SIGNATURE, f"the signature is not that of key {sealed.key_id}")
    try:
        order = envelope.open_payload(sealed)
    except WireError as error:
        return refusal(MALFORMED, f"order: {error}")
    digest = envelope.digest_of(sealed.payload)
    wrong = _misdirected(order, identity) or _outdated(order, digest, high_water)
    if wrong is None:
        wrong = _contradiction(order)
    return wrong or Verified(order=order, digest=digest)


def refusal(code: str, reason: str, generation: int = UNVERIFIED) -> Refusal:
    """Return a refusal whose reason fits its field."""
    return Refusal(generation=generation, code=code, reason=shortened(reason, MAX_REASON))


def shortened(text: str, most: int) -> str:
    """Return the text, cut off with an ellipsis where it is longer than `most` characters."""
    return text if len(text) <= most else text[: most - 3] + "..."


def signature_fits(sealed: Envelope, key: bytes) -> bool:
    """Say whether an envelope was signed with a key. Nothing of its payload is looked at."""
    from nacl.exceptions import BadSignatureError  # noqa: PLC0415 - not needed at every start
    from nacl.signing import VerifyKey  # noqa: PLC0415

    if len(sealed.signature) != 64:
        return False
    try:
        VerifyKey(key).verify(envelope.signing_bytes(sealed.type, sealed.payload), sealed.signature)
    except BadSignatureError:
        return False
    return True


def _misdirected(order: Order, identity: Identity) -> Refusal | None:
    if order.node != identity.node:
        reason = f"the order is for node {order.node}, this is {identity.node}"
        return refusal(OTHER_NODE, reason, order.generation)
    if order.incarnation != identity.incarnation:
        reason = f"the order is for incarnation {order.incarnation} of this node"
        return refusal(OTHER_INCARNATION, reason, order.generation)
    return None


def _outdated(order: Order, digest: str, high_water: HighWater | None) -> Refusal | None:
    if high_water is None:
        return None
    if order.generation < high_water.generation:
        reason = f"generation {order.generation} is older than {high_water.generation}"
        return refusal(STALE_GENERATION, reason, order.generation)
    if order.generation == high_water.generation and digest != high_water.digest:
        reason = f"generation {order.generation} was accepted before with another content"
        return refusal(CONFLICTING_GENERATION, reason, order.generation)
    return None


def _contradiction(order: Order) -> Refusal | None:
    """Return what makes an order impossible that its schema allows."""
    if order.generation == 0:
        return refusal(MALFORMED, "generation 0 is none")
    taken = [
        name_of(instance.id, container.name)
        for instance in order.instances
        for container in instance.containers
    ]
    ids = [instance.id for instance in order.instances]
    for text, values in (("instance id", ids), ("container name", taken)):
        twice = next((v for v, count in collections.Counter(values).items() if count > 1), None)
        if twice is not None:
            return refusal(MALFORMED, f"two have the {text} {twice}", order.generation)
    for instance in order.instances:
        wrong = fault(instance) or lifecycle_fault(instance)
        if wrong is not None:
            return refusal(MALFORMED, f"{instance.id}: {wrong}", order.generation)
        for container in instance.containers:
            # podman joins labels with = too: such a name could stand in for one of ours.
            for kind, names in (
                ("environment variable", container.environment),
                ("label", container.labels),
            ):
                if any(not name or "=" in name or "\0" in name for name in names):
                    where = name_of(instance.id, container.name)
                    reason = f"{where}: {kind} without a name, or with = or NUL in it"
                    return refusal(MALFORMED, reason, order.generation)
    return None
