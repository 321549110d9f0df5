"""The frames between the agent and the executor on one box, over a unix stream socket.

A frame is its length (4 bytes, big-endian), then msgpack. The agent sends one ExecutorRequest;
the executor answers with ExecutorReply frames, the last of kind `done`, and closes. While a session
goes on, the agent sends its input in ExecutorInput frames. A `watch`
frame comes with one pidfd (SCM_RIGHTS) for each of its `watched` instances, in that order.
"""

from __future__ import annotations

import struct
from typing import Annotated, Literal

from skerry_wire import codec
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.errors import WireError
from skerry_wire.frozen import frozen
from skerry_wire.messages import (
    MAX_PIECE_BYTES,
    Challenge,
    Digest,
    InstanceStatus,
    Refusal,
    Targets,
)
from skerry_wire.order_keys import KeyStanding
from skerry_wire.runtime_limits import RuntimeInUse
from skerry_wire.schema import Items, Sparse
from skerry_wire.types import Generation, Incarnation, InstanceId, Line, Name, NodeId, Seconds

MAX_FRAME_BYTES = 512 * 1024
MAX_TARGETS_BYTES = 16 * 1024
"""Most bytes of signed targets: sixteen with the longest names are a third of it."""
MAX_GRANT_BYTES = 64 * 1024
MAX_KEYS_BYTES = 72 * 1024
"""Most bytes of changes of keys: so many as one message has, each as large as it may be."""
MAX_REQUEST_BYTES = 128 * 1024
"""Most bytes of a signed and sealed request: the command and its input."""
MAX_PART_BYTES = 32 * 1024
MAX_WATCHED = 64
"""Most pidfds beside one frame; SCM_RIGHTS itself allows 253."""

_HEADER = struct.Struct(">I")
HEADER_BYTES = _HEADER.size


@frozen(kw_only=True)
class ExecutorRequest:
    """Converge to an order. Without one, to the newest that was accepted before.

    With `targets`, an Envelope of them as it came, only say whether they are the hub's. With one of
    the others nothing is converged: `challenge` asks for one, for a `lease` or a `request`; `grant`
    is an Envelope, `request` a sealed one, `keys` are KeyChanges, as they came.
    """

    node: NodeId
    incarnation: Incarnation
    order: Annotated[bytes, Items(codec.MAX_MESSAGE_BYTES)] | None = None
    targets: Annotated[bytes, Items(MAX_TARGETS_BYTES), Sparse()] | None = None
    challenge: Annotated[Literal["lease", "request"], Sparse()] | None = None
    grant: Annotated[bytes, Items(MAX_GRANT_BYTES), Sparse()] | None = None
    request: Annotated[bytes, Items(MAX_REQUEST_BYTES), Sparse()] | None = None
    keys: Annotated[bytes, Items(MAX_KEYS_BYTES), Sparse()] | None = None


@frozen(kw_only=True)
class Outcome:
    """How convergence stands.

    `accepted` is the newest order that passed verification (0: none yet), `reached` whether it
    is wholly carried out; when not, another try makes sense after `retry_after_s`.
    """

    accepted: Generation = 0
    digest: Digest | None = None
    reached: bool = False
    refusal: Refusal | None = None
    problems: Annotated[tuple[Line, ...], Items(16)] = ()
    instances: Annotated[tuple[InstanceStatus, ...], Items(512)] = ()
    retry_after_s: Seconds | None = None
    lease_s: Annotated[Seconds, Sparse()] | None = None
    """The shortest lease of what is to run here, where anything has one: it must be renewed."""
    look_after_s: Annotated[Seconds, Sparse()] | None = None
    """When the executor wants to be visited although all is reached: a job is due by then."""
    retry_most_s: Annotated[Seconds, Sparse()] | None = None
    """Another try is wanted by then, however often it failed: the trouble is the box's own (a full
    disk, a runtime that does not answer) and may be over at any moment. With a refusal: the same
    order may pass then."""
    unseen: Line | None = None
    """Why the runtime could not be asked: the instances are then those that are wanted, no more."""


@frozen(kw_only=True)
class Restarted:
    """An instance of which containers were stopped and started, since that was asked for."""

    instance: InstanceId
    containers: Annotated[tuple[Name, ...], Items(32)] = ()


@frozen(kw_only=True)
class ExecutorReply:
    """One frame of the executor's answer. `progress` and `done` carry an outcome.

    A grant is answered with `done` alone, a request about an instance with any number of `part`,
    then `done`, without outcome; their bodies are sealed (`skerry_wire.session`).

    Changes of keys are answered with `done` alone, and which keys are trusted now.
    With `done` comes the box's policy, by which this visit was judged, and the runtime that was
    driven; None where it is not told.
    Who asked about targets is told them, or why they are refused.
    """

    kind: Literal["progress", "watch", "part", "done"]
    outcome: Outcome | None = None
    watched: Annotated[tuple[InstanceId, ...], Items(MAX_WATCHED)] = ()
    policy: Annotated[BoxPolicy, Sparse()] | None = None
    runtime: Annotated[RuntimeInUse, Sparse()] | None = None
    targets: Annotated[Targets, Sparse()] | None = None
    targets_refused: Annotated[Line, Sparse()] | None = None
    challenge: Annotated[Challenge, Sparse()] | None = None
    sealing_key: Annotated[bytes, Items(32), Sparse()] | None = None
    """The public key to which secrets for this box are sealed."""
    keys: Annotated[KeyStanding, Sparse()] | None = None
    """Which order keys are trusted."""
    error: Annotated[Line, Sparse()] | None = None
    """Why a grant, a request or a change of keys was not taken."""
    body: Annotated[bytes, Items(MAX_PART_BYTES), Sparse()] = b""
    """A part of the answer to a request, or (with `done`) the last one."""
    restarted: Annotated[Restarted, Sparse()] | None = None
    """With the end of a restart: what the hub is to hear of it, whoever asked."""
    visit: Annotated[bool, Sparse()] = False
    """With a grant that was taken, or a restart: something may start only now, so the order wants a
    visit."""


@frozen(kw_only=True)
class ExecutorInput:
    """A piece of the input of a session, as it came."""

    piece: Annotated[bytes, Items(MAX_PIECE_BYTES)]


def frame(message: ExecutorRequest | ExecutorReply | ExecutorInput) -> bytes:
    """Return the bytes of one frame."""
    body = codec.pack(message)
    if len(body) > MAX_FRAME_BYTES:
        raise WireError("", f"the frame is {len(body)} bytes, more than {MAX_FRAME_BYTES}")
    return _HEADER.pack(len(body)) + body


def body_length(header: bytes) -> int:
    """Return how many bytes follow a header. Raises WireError when they are too many."""
    (length,) = _HEADER.unpack(header)
    if length > MAX_FRAME_BYTES:
        raise WireError("", f"a frame of {length} bytes, more than {MAX_FRAME_BYTES}")
    return int(length)
