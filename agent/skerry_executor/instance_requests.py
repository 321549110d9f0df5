"""Requests about instances: logs, exec, restart, top; and the challenges that they answer.

They run beside a convergence, each in threads of its own; only a restart, which changes something,
waits for its turn.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Sequence

from skerry_executor import admission, sealing, state
from skerry_executor.actual import Actual, Phase
from skerry_executor.backoffs import BackOffs
from skerry_executor.cancel import Cancel
from skerry_executor.challenges import Challenges
from skerry_executor.key_ring import trusted_keys
from skerry_executor.log import log
from skerry_executor.log_following import LogFollowing
from skerry_executor.order import Identity
from skerry_executor.pieces import Limits
from skerry_executor.policy_file import PolicyError, read_policy
from skerry_executor.programs import Programs
from skerry_executor.request import (
    asked_about,
    instance_of,
    objection,
    restart_objection,
    verify,
)
from skerry_executor.runtimes.base import LogWish, Program, Runtime, RuntimeFailure, Written
from skerry_executor.sealing import SealingError
from skerry_executor.session import Session
from skerry_executor.settings import Settings
from skerry_executor.state import StateError
from skerry_executor.streaming import End, Streaming, Work, Write
from skerry_executor.talk import Talk
from skerry_wire import codec
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.frozen import frozen
from skerry_wire.lifecycle import InstanceUsage, Usage, Usages
from skerry_wire.local import ExecutorRequest, Outcome, Restarted
from skerry_wire.messages import InstanceRequest, InstanceState, Order
from skerry_wire.workload import Instance

MOST_AT_ONCE = 4
TOTAL_BYTES = 4 * 2**20
"""Most bytes of an answer that does not follow a log."""
FOLLOW_BYTES_PER_S = 64 * 1024.0
SESSION_BYTES_PER_S = 256 * 1024.0
SESSION_BURST_BYTES = 2**20
ECHO_S = 0.01
"""How long what is written waits for more where somebody types."""
USAGE_GAP_S = 1.0
"""Between the two looks that tell how much of the processors is used."""
TURN_LOOK_S = 0.2
MAX_FAILURES = 16
NOT_SEALED = (
    "the request is not sealed to this box's key: the hub keeps the one that it trusts (skerry "
    "node trust-key)"
)


@frozen()
class _Asked:
    """A request that is to be carried out, and the order that the box has accepted."""

    request: InstanceRequest
    order: Order
    session: Session


class InstanceRequests:
    """Serves those of one socket. Any thread."""

    def __init__(
        self,
        settings: Settings,
        open_runtime: Callable[[], Runtime],
        turn: threading.Lock,
        backoffs: BackOffs,
        visit: Callable[[ExecutorRequest], Outcome],
        permit: Callable[[Instance], str | None] = lambda _: None,
    ) -> None:
        """`turn` is held by whoever changes what runs; `visit` takes it, and carries the order out.

        `permit` says why an instance may not be started now, None where it may.
        """
        self._visit = visit
        self._permit = permit
        self._backoffs = backoffs
        self._settings = settings
        self._open_runtime = open_runtime
        self._turn = turn
        self._challenges = Challenges(settings.run, settings.root)
        self._room = threading.Semaphore(MOST_AT_ONCE)
        self._cancels_lock = threading.Lock()
        self._cancels: set[Cancel] = set()
        self._ended = threading.Event()
        self._programs = Programs(settings.run)

    def end_left(self) -> threading.Thread | None:
        """Begin to end the programs of an earlier run that was killed; None where it left none."""
        if not self._programs.has_left:
            return None
        thread = threading.Thread(
            target=self._programs.end_left, args=(self._open_runtime, self._ended), daemon=True
        )
        thread.start()
        return thread

    def end(self) -> None:
        """Have every answer under way end, and take no more."""
        with self._cancels_lock:
            self._ended.set()
            cancels = tuple(self._cancels)
        for cancel in cancels:
            cancel.ask()

    def challenge(self, asked: ExecutorRequest, talk: Talk) -> None:
        """Answer a client that needs a challenge."""
        try:
            self._accepted_by(asked.node, asked.incarnation)
            issued = self._challenges.issue(asked.challenge or "request")
        except StateError as error:
            talk.refused(str(error))
        else:
            talk.challenged(issued.challenge)

    def answer(self, asked: ExecutorRequest, talk: Talk) -> None:
        """Carry a request out, or say why it is refused. Nothing is done about one that is."""
        try:
            found = self._admitted(asked)
        except (StateError, SealingError) as error:
            found = str(error)
        if isinstance(found, str):
            log("warning", "request refused", reason=found)
            talk.refused(found)
            return
        if not self._room.acquire(blocking=False):
            talk.refused(f"{MOST_AT_ONCE} requests are under way on this box; try again later")
            return
        self._carry_out(found, talk)

    def _accepted_by(self, node: str, incarnation: str) -> Order:
        """Return what the box has accepted. Raises StateError where that is for another node."""
        accepted = state.load(self._settings.state)
        if accepted is None:
            raise StateError("this box has accepted no order yet")
        identity = Identity(node=node, incarnation=incarnation)
        if identity != accepted.identity:
            raise StateError(
                f"this executor serves node {accepted.node}, incarnation {accepted.incarnation}; "
                f"the agent is {node}, {incarnation}"
            )
        return admission.order_of(accepted)

    def _admitted(self, asked: ExecutorRequest) -> _Asked | str:
        order = self._accepted_by(asked.node, asked.incarnation)
        identity = Identity(node=asked.node, incarnation=asked.incarnation)
        signed = sealing.load_or_make(self._settings.state).opened(asked.request or b"")
        if signed is None:
            return NOT_SEALED
        request = verify(signed, trusted_keys(self._settings).by_id, identity)
        if isinstance(request, str):
            return request
        # Redeemed first: whatever comes of it, it counts no second time.
        if self._challenges.redeem(request.challenge, "request") is None:
            return "it answers no challenge of this box, or one that was answered or is over"
        try:
            policy = read_policy(self._settings.policy) or BoxPolicy()
        except PolicyError as error:
            return f"the box's policy cannot be used: {error}"
        why = objection(request, policy)
        if why is not None:
            return why
        return _Asked(request, order, Session(request.answer_key, takes_input=request.input))

    def _carry_out(self, asked: _Asked, talk: Talk) -> None:
        request = asked.request
        log("info", "request", verb=request.verb, instance=request.instance or "every",
            container=request.container or None)  # fmt: skip
        cancel = Cancel()
        with self._cancels_lock:
            self._cancels.add(cancel)
            if self._ended.is_set():
                cancel.ask()
        try:
            streaming = Streaming(talk, _limits(request), request.within_s, cancel, asked.session)
            streaming.run(self._work(asked, cancel), self._room.release)
        finally:
            with self._cancels_lock:
                self._cancels.discard(cancel)

    def _work(self, asked: _Asked, cancel: Cancel) -> Work:
        def work(write: Write) -> End:
            runtime = self._open_runtime()
            if asked.request.verb == "restart":
                return self._restart(asked.request, runtime, cancel)
            found = asked_about(asked.request, runtime.containers(asked.request.node), asked.order)
            if isinstance(found, str):
                return End(found)
            match asked.request.verb:
                case "logs":
                    return self._logs(asked.request, runtime, found[0], cancel, write)
                case "exec":
                    with self._programs.noted(runtime) as note:
                        return _execute(asked, runtime, found[0], cancel, write, note)
                case "top":
                    return _top(runtime, found, cancel, write)

        return work

    def _logs(
        self,
        request: InstanceRequest,
        runtime: Runtime,
        one: Actual,
        cancel: Cancel,
        write: Write,
    ) -> End:
        wish = LogWish(tail=request.tail, since_s=request.since_s, follow=request.follow)
        if request.follow:

            def ordered() -> Instance | None:
                order = self._accepted_by(request.node, request.incarnation)
                return instance_of(order, request.instance)

            try:
                LogFollowing(runtime, ordered, cancel, write).follow(one, wish)
            except StateError as error:
                return End(str(error))
            return End()
        for written in runtime.logs(one.id, wish, cancel):
            write(written.stream, written.data)
        return End()

    def _restart(self, request: InstanceRequest, runtime: Runtime, cancel: Cancel) -> End:
        """Stop and start the same containers; none is made anew, but what waited is tried again."""
        while not self._turn.acquire(timeout=TURN_LOOK_S):
            cancel.check()
        try:
            # Looked at only now: until then another order may have changed all of it.
            order = self._accepted_by(request.node, request.incarnation)
            instance = instance_of(order, request.instance)
            containers = runtime.containers(request.node)
            waited = instance is not None and self._backoffs.forget(instance, containers)
            found = asked_about(request, containers, order)
            end = self._restarted(instance, found, waited, runtime, cancel)
        except StateError as error:
            return End(str(error))
        finally:
            self._turn.release()
        if instance is None or not waited or end.error is not None:
            return end
        return dataclasses.replace(self._tried_again(request, instance), restarted=end.restarted)

    def _restarted(
        self,
        instance: Instance | None,
        found: Sequence[Actual] | str,
        waited: bool,
        runtime: Runtime,
        cancel: Cancel,
    ) -> End:
        if isinstance(found, str) and not waited:
            return End(found)
        why = restart_objection(instance)
        if why is not None or instance is None:
            return End(why)
        why = self._permit(instance)
        if why is not None or isinstance(found, str):
            return End(why)
        return self._stopped_and_started(instance, runtime, found, cancel)

    def _tried_again(self, request: InstanceRequest, instance: Instance) -> End:
        """Carry the order out, and say why what an instance waited for has failed once more."""
        own = ExecutorRequest(node=request.node, incarnation=request.incarnation)
        outcome = self._visit(own)
        told = next((one for one in outcome.instances if one.id == instance.id), None)
        if told is None:
            return End(visit=True)
        # What runs still, of an earlier image, has not failed; what it waits for has.
        failed = told.state is InstanceState.FAILED or self._backoffs.waits(instance)
        return End(told.reason if failed else None, visit=True)

    def _stopped_and_started(
        self, instance: Instance, runtime: Runtime, found: Sequence[Actual], cancel: Cancel
    ) -> End:
        try:
            for one in reversed(found):
                runtime.stop(one.id, one.stop_grace_s, cancel)
        finally:
            # Whoever has lost patience meanwhile: what was stopped is started.
            failures = self._started(instance, runtime, found)
        restarted = Restarted(
            instance=instance.id, containers=tuple(one.container for one in found)
        )
        return End("; ".join(failures) or None, visit=True, restarted=restarted)

    def _started(self, instance: Instance, runtime: Runtime, found: Sequence[Actual]) -> list[str]:
        failures = []
        for one in found:
            try:
                why = self._permit(instance)
                if why is None:
                    # By name: to some runtimes, what was stopped has no id any more.
                    runtime.start(one.name)
            except RuntimeFailure as failure:
                why = failure.reason
            if why is not None:
                failures.append(f"{one.container} was not started: {why}")
        return failures


def _limits(request: InstanceRequest) -> Limits:
    if request.input:
        return Limits(
            bytes_per_s=SESSION_BYTES_PER_S, burst_bytes=SESSION_BURST_BYTES, gather_s=ECHO_S
        )
    if request.verb == "logs" and request.follow:
        return Limits(bytes_per_s=FOLLOW_BYTES_PER_S)
    return Limits(total_bytes=TOTAL_BYTES)


def _execute(
    asked: _Asked,
    runtime: Runtime,
    one: Actual,
    cancel: Cancel,
    write: Write,
    note: Callable[[str], None],
) -> End:
    if one.phase is not Phase.RUNNING:
        return End(f"container {one.container} of {one.instance} does not run: it is {one.phase}")
    request = asked.request
    given = (request.stdin,) if request.stdin else ()
    source = asked.session.input() if request.input else given
    program = Program(request.command, source, request.terminal, note)

    def told(written: Written) -> None:
        write(written.stream, written.data)

    return End(exit_code=runtime.execute(one.id, program, cancel, told))


def _top(runtime: Runtime, found: Sequence[Actual], cancel: Cancel, write: Write) -> End:
    running = [one for one in found if one.phase is Phase.RUNNING]
    failures: list[str] = []
    first = {one.id: _usage(runtime, one, failures, cancel) for one in running}
    if any(first.values()):
        woken = threading.Event()
        with cancel.waking(woken.set):
            woken.wait(USAGE_GAP_S)
    used: list[InstanceUsage] = []
    for one in running:
        before = first[one.id]
        after = _usage(runtime, one, failures, cancel) if before is not None else None
        if before is not None and after is not None:
            used.append(_used(one.instance, before, after))
    answer = Usages(containers=tuple(used), failures=tuple(failures[:MAX_FAILURES]))
    write("out", codec.pack(answer))
    return End()


@frozen()
class _Look:
    usage: Usage
    at_s: float


def _usage(runtime: Runtime, one: Actual, failures: list[str], cancel: Cancel) -> _Look | None:
    cancel.check()
    try:
        usage = runtime.usage(one.id)
    except RuntimeFailure as failure:
        failures.append(f"{one.name}: {failure.reason}"[:1024])
        return None
    if usage is None:
        return None
    return _Look(dataclasses.replace(usage, container=one.container), time.monotonic())


def _used(instance: str, before: _Look, after: _Look) -> InstanceUsage:
    """Return what a container uses; it may have been started anew between the two looks."""
    spent_s = after.usage.cpu_s - before.usage.cpu_s
    passed_s = after.at_s - before.at_s
    cpu_milli = 1000 * spent_s / passed_s if spent_s >= 0 and passed_s > 0 else None
    return InstanceUsage(instance=instance, usage=after.usage, cpu_milli=cpu_milli)
