"""Requests about instances: each fetches a challenge, is signed and sealed, and is answered.

They belong to the API's event loop; the answers come from the broker's thread and never wait for
the writer. Of what a box sends no more is held than a limit: a client that reads too slowly loses
its answer, and nobody else's.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import dataclasses
import math
import secrets
import threading
from collections.abc import AsyncIterator, Callable

import structlog

from skerry_hub import metrics
from skerry_hub.keys import OrderKey, Signer
from skerry_hub.model import Liveness, Node
from skerry_hub.reply_parts import Gap, Parts
from skerry_hub.views import Problem
from skerry_hub.work import RefusedError
from skerry_hub.writer.publishing import Publisher
from skerry_hub.writer.sessions import Session
from skerry_wire import codec, envelope
from skerry_wire.local import MAX_REQUEST_BYTES
from skerry_wire.messages import InstanceRequest, Reply, Request, Terminal, Verb
from skerry_wire.session import SessionOutput

log = structlog.get_logger("requests")

MOST_AT_ONCE = 32
MOST_OF_A_NODE = 4
EXPIRY_S = 30.0
"""A request that waits longer with the broker than this finds its challenge nearly over."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long is waited, and how much is held."""

    challenge_s: float = 20.0
    """How long a box may take to make a challenge: its executor may have to be started first."""
    late_s: float = 20.0
    """How much later than its time an answer may be whole, on a slow link."""
    look_s: float = 5.0
    """How often it is looked whether the node is still there while nothing comes."""
    keep_s: float = 25.0
    """How often the box is told that somebody still waits; without a word it ends the answer."""
    waiting_bytes: int = 5 * 2**20
    """Of one answer, not read by its client yet; more than any box sends that does not follow."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants of an instance; or, with none, of all of a node."""

    verb: Verb
    instance: str | None = None
    container: str = ""
    command: tuple[str, ...] = ()
    stdin: bytes = dataclasses.field(default=b"", repr=False)
    follow: bool = False
    tail: int | None = None
    since_s: float | None = None
    within_s: float = 60.0
    terminal: Terminal | None = None
    input: bool = False


class _Answer:
    """What came of one request; filled by the broker's thread, emptied in the loop."""

    def __init__(self, node: Node, most_bytes: int) -> None:
        self.node = node
        self._most_bytes = most_bytes
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._lock = threading.Lock()
        self._replies: collections.deque[Reply] = collections.deque()
        self._waiting_bytes = 0
        self._flooded = False

    def put(self, reply: Reply) -> None:
        with self._lock:
            if self._waiting_bytes + len(reply.body) > self._most_bytes:
                self._flooded = True
            else:
                self._waiting_bytes += len(reply.body)
                self._replies.append(reply)
        with contextlib.suppress(RuntimeError):  # the loop has ended, and whoever waited with it
            self._loop.call_soon_threadsafe(self._news.set)

    async def next(self, timeout_s: float) -> Reply | None:
        """Return the next reply, None where none comes in time. Raises Gap where some are lost."""
        while True:
            with self._lock:
                if self._replies:
                    reply = self._replies.popleft()
                    self._waiting_bytes -= len(reply.body)
                    return reply
                if self._flooded:
                    raise Gap("the answer was read too slowly, and is cut off here")
                self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), timeout_s)
            except TimeoutError:
                return None


class Requesting:
    """The requests that are under way."""

    def __init__(
        self,
        publisher: Callable[[], Publisher | None],
        node_now: Callable[[str], Node | None],
        keys: Signer,
        limits: Limits | None = None,
    ) -> None:
        """`publisher` returns the way to the broker, None while there is none."""
        self._publisher = publisher
        self._node_now = node_now
        self._keys = keys
        self._limits = limits or Limits()
        self._open: dict[str, _Answer] = {}
        self._of_node: collections.Counter[str] = collections.Counter()
        self._sessions: dict[str, Session] = {}

    def session(self, name: str) -> Session:
        """Return a session that is under way. Raises RefusedError where there is none such."""
        found = self._sessions.get(name)
        if found is None:
            raise no_session()
        return found

    def answered(self, node: str, reply: Reply) -> bool:
        """Take a reply, and say whether somebody waits for it. Any thread."""
        answer = self._open.get(reply.id)
        if answer is None or answer.node.id != node:
            return False
        if answer.node.incarnation == reply.incarnation:
            answer.put(reply)
        return True

    async def ask(
        self, node: Node, wish: Wish, session: Session | None = None
    ) -> AsyncIterator[SessionOutput | None]:
        """Yield what the box says, the last with `end` set; None where nothing came lately.

        A wish for input needs a session, which brings it to the box meanwhile.

        Raises RefusedError, also before the first: who iterates must be ready for it. Whoever
        stops to iterate closes the iterator, which ends the request on the box.
        """
        self._check(node, wish)
        session = session or Session(node)
        self._of_node[node.id] += 1
        result = "refused"
        try:
            challenge = await self._challenge(node)
            log.info("asked", verb=wish.verb, node=node.id, instance=wish.instance or "every")
            result = "broken_off"
            async for output in self._answer(node, wish, challenge, session):
                if output is not None and output.end:
                    result = "answered" if output.error is None else "failed"
                yield output
        finally:
            metrics.REQUESTS.labels(wish.verb, result).inc()
            self._of_node[node.id] -= 1
            if not self._of_node[node.id]:
                del self._of_node[node.id]

    def _check(self, node: Node, wish: Wish) -> None:
        self._check_online(node)
        policy = node.capability.hardware.policy if node.capability is not None else None
        # Of a policy that cannot be used nothing is known; the box itself says what is wrong.
        told = policy.requests if policy is not None and not policy.trouble else None
        if told is not None and not told.allows(wish.verb):
            reason = (
                f"{node.known_as} does not allow {wish.verb}: set requests.{wish.verb} in the "
                "policy of the box (/etc/skerry/policy.toml), and reload its agent"
            )
            raise RefusedError(403, Problem(reason=reason))
        if self._of_node[node.id] >= MOST_OF_A_NODE:
            reason = f"{MOST_OF_A_NODE} requests to {node.known_as} are under way; try again later"
            raise RefusedError(503, Problem(reason=reason))
        if self._of_node.total() >= MOST_AT_ONCE:
            reason = f"{MOST_AT_ONCE} requests are under way on this hub; try again later"
            raise RefusedError(503, Problem(reason=reason))

    def _check_online(self, node: Node) -> Publisher:
        publisher = self._publisher()
        if publisher is None:
            raise RefusedError(503, Problem(reason="the hub has no connection to its broker"))
        now = self._node_now(node.id)
        if now is None or now.liveness is not Liveness.ONLINE:
            state = "gone" if now is None else now.liveness.value
            reason = f"{node.known_as} is {state}: it must be online for this"
            raise RefusedError(409, Problem(reason=reason))
        return publisher

    async def _challenge(self, node: Node) -> bytes:
        async with self._opened(node) as (name, answer):
            within_s = self._limits.challenge_s
            self._send(node, Request(id=name, verb="challenge"), within_s)
            reply = await answer.next(within_s)
        if reply is None:
            reason = f"{node.known_as} did not answer within {within_s:g} s"
            raise RefusedError(504, Problem(reason=reason))
        if reply.error is not None or len(reply.body) != 32:
            raise refusal(node, reply.error or "it made no challenge")
        return reply.body

    async def _answer(
        self, node: Node, wish: Wish, challenge: bytes, session: Session
    ) -> AsyncIterator[SessionOutput | None]:
        # As it stands now: with the challenge may have come that it trusts another key.
        key = self._keys.for_node(self._node_now(node.id) or node)
        request = _sealed(node, wish, challenge, key, session)
        loop = asyncio.get_running_loop()
        until = loop.time() + wish.within_s + self._limits.late_s
        parts, ended = Parts(), False
        async with self._opened(node) as (name, answer):
            try:
                self._send(node, Request(id=name, verb="instance", envelope=request), EXPIRY_S)
                if wish.input:
                    self._begin(session, node, name)
                kept_at = loop.time()
                while not ended:
                    left_s = until - loop.time()
                    if loop.time() - kept_at >= self._limits.keep_s:
                        kept_at = loop.time()
                        self._send(node, Request(id=name, verb="keep"), EXPIRY_S)
                    if left_s <= 0:
                        reason = f"no whole answer of {node.known_as} within {wish.within_s:g} s"
                        raise RefusedError(504, Problem(reason=reason))
                    reply = await answer.next(min(self._limits.look_s, left_s))
                    if wish.input:
                        session.check()
                    if reply is None:
                        self._check_online(node)
                        yield None
                        continue
                    for one in parts.take(reply):
                        output = session.read(one)
                        ended = output.end
                        yield output
                        if ended:
                            break
            except Gap as gap:
                raise RefusedError(502, Problem(reason=str(gap))) from None
            finally:
                self._sessions.pop(session.id, None)
                session.close()
                if not ended:
                    with contextlib.suppress(RefusedError):
                        self._send(node, Request(id=name, verb="cancel"), EXPIRY_S)

    def _begin(self, session: Session, node: Node, name: str) -> None:
        def send(piece: bytes) -> None:
            self._send(node, Request(id=name, verb="input", envelope=piece), EXPIRY_S)

        self._sessions[session.id] = session
        session.begin(send)

    @contextlib.asynccontextmanager
    async def _opened(self, node: Node) -> AsyncIterator[tuple[str, _Answer]]:
        name, answer = secrets.token_hex(16), _Answer(node, self._limits.waiting_bytes)
        self._open[name] = answer
        try:
            yield name, answer
        finally:
            del self._open[name]

    def _send(self, node: Node, request: Request, expiry_s: float) -> None:
        publisher = self._check_online(node)
        publisher.request(node.id, request.verb, codec.encode(request), math.ceil(expiry_s))


def no_session() -> RefusedError:
    """Return what whoever names no session of his is told."""
    return RefusedError(404, Problem(reason="there is no such session, or it has ended"))


def refusal(node: Node, error: str) -> RefusedError:
    """Return what a box has against a request, as the API says it."""
    return RefusedError(409, Problem(reason=f"{node.known_as}: {error}"))


def _sealed(node: Node, wish: Wish, challenge: bytes, key: OrderKey, session: Session) -> bytes:
    """Return the signed request, sealed. Raises WireError where the wish fits none."""
    request = codec.from_plain(
        InstanceRequest,
        {
            "node": node.id,
            "inc": node.incarnation,
            "challenge": challenge,
            "answer_key": session.key,
            **{name: value for name, value in codec.to_plain(wish).items() if value is not None},
        },
    )
    data = session.sealed(codec.encode(envelope.seal_request(request, key.id, key.sign)))
    if len(data) > MAX_REQUEST_BYTES:
        reason = f"the command and its input are {len(data)} bytes; at most {MAX_REQUEST_BYTES}"
        raise RefusedError(400, Problem(reason=reason))
    return data
