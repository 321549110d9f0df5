"""Which order is to be carried out: verifies, asks the box's policy, remembers. No network.

What is refused here changes nothing: not the state, not a container, not a run under way.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Collection, Mapping

from skerry_executor import ended, job_store, state, targets
from skerry_executor import order as verification
from skerry_executor.approvals import approvers
from skerry_executor.job import is_finished
from skerry_executor.journal import Journal
from skerry_executor.key_ring import order_keys, standing, trusted_keys
from skerry_executor.keys import read_keys
from skerry_executor.log import log
from skerry_executor.order import Identity, Verified, refusal
from skerry_executor.policy import Violation, check, told
from skerry_executor.policy_file import PolicyError, read_policy
from skerry_executor.sealing import SealingError, load_or_make
from skerry_executor.settings import Settings
from skerry_executor.state import Accepted, StateError
from skerry_wire import codec, envelope
from skerry_wire.box_policy import MAX_TOLD_BYTES, Approvals, BoxPolicy
from skerry_wire.errors import WireError
from skerry_wire.frozen import frozen
from skerry_wire.local import ExecutorRequest
from skerry_wire.messages import Envelope, Order, Refusal, Targets
from skerry_wire.order_keys import KeyStanding

MAX_PROBLEMS = 16
NOTHING_ALLOWED = BoxPolicy()


@frozen(kw_only=True)
class Admitted:
    """What holds after a request: the newest accepted order, if any, and whether it may be done.

    `refusal` says why the request's order, or by today's policy the accepted one, is not done.
    `ends`: what `order` no longer has is ended all the same, and the rest only looked at.
    `newer` tells that the request brought an order that was not accepted before. `told` is the
    box's policy for those who place workloads, None where it cannot be told. `sealing_key` is the
    public one, `keys` are those that orders are signed with; None where there is none.
    """

    accepted: Accepted | None = None
    order: Order | None = None
    refusal: Refusal | None = None
    problems: tuple[str, ...] = ()
    newer: bool = False
    allowed: bool = False
    ends: bool = False
    policy: BoxPolicy = NOTHING_ALLOWED
    told: BoxPolicy | None = None
    sealing_key: bytes | None = None
    keys: KeyStanding | None = None


@frozen(kw_only=True)
class _Box:
    """The box's policy as it is at one request. `trouble` is why nothing at all is allowed."""

    policy: BoxPolicy = NOTHING_ALLOWED
    is_there: bool = True
    trouble: str | None = None
    approvers: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    problems: tuple[str, ...] = ()


def admit(request: ExecutorRequest, settings: Settings, journal: Journal | None = None) -> Admitted:
    """Decide about a request, and keep its order when it is taken. Never raises."""
    box = _box(settings)
    found = _decided(request, settings, box, journal or Journal(settings.state))
    shown = told(box.policy, os.path.realpath)
    problems = [*found.problems, *box.problems]
    if box.trouble is not None and found.refusal is None:
        problems.append(f"{box.trouble}, so nothing new is allowed"[:1024])
    if shown is None:
        problems.append(
            f"{settings.policy} is too long to be told (over {MAX_TOLD_BYTES} bytes, or 256 of a "
            "list): workloads are placed here that it may refuse"
        )
    try:
        sealing_key = load_or_make(settings.state).public
    except SealingError as error:
        sealing_key = None
        problems.append(f"no secret can be sealed for this box: {error}"[:1024])
    return dataclasses.replace(
        found,
        policy=box.policy,
        told=shown,
        sealing_key=sealing_key,
        keys=standing(settings),
        problems=tuple(problems)[:MAX_PROBLEMS],
    )


def targets_of(request: ExecutorRequest, data: bytes, settings: Settings) -> Targets | str:
    """Return the targets that a request brings, or why they are refused. Never raises."""
    try:
        accepted = state.load(settings.state)
    except StateError as error:
        return str(error)
    if accepted is not None and accepted.node != request.node:
        return f"this executor serves node {accepted.node}, the agent is {request.node}"
    return targets.verify(data, trusted_keys(settings).by_id, request.node)


def order_of(accepted: Accepted) -> Order:
    """Return the order that was accepted. Raises StateError."""
    try:
        return envelope.open_payload(codec.decode(Envelope, accepted.envelope))
    except WireError as error:
        reason = f"the accepted order cannot be read ({error}); wait for the hub's next one"
        raise StateError(reason) from None


def _box(settings: Settings) -> _Box:
    try:
        policy = read_policy(settings.policy)
    except PolicyError as error:
        trouble = f"the box's policy cannot be used: {error}"
        return _Box(policy=BoxPolicy(trouble=trouble[:1024]), trouble=trouble)
    if policy is None:
        return _Box(is_there=False)
    if not policy.approval.required:
        return _Box(policy=policy)
    found = read_keys(settings.approval_keys, "put the public keys of those who approve there")
    keys = approvers(found.by_id, order_keys(settings))
    told = Approvals(required=True, keys=tuple(sorted(keys)))
    both = (
        f"{settings.approval_keys}: key {name} signs orders or did so, so it approves nothing"
        for name in found.by_id
        if name not in keys
    )
    return _Box(
        policy=dataclasses.replace(policy, approval=told),
        approvers=keys,
        problems=(*found.problems, *both),
    )


def _decided(request: ExecutorRequest, settings: Settings, box: _Box, journal: Journal) -> Admitted:
    try:
        accepted = state.load(settings.state)
    except StateError as error:
        log("error", "the state is unusable", reason=str(error))
        return Admitted(problems=(str(error)[:1024],))
    stranger = _stranger(request, accepted)
    if stranger is not None:
        return stranger
    if request.order is None:
        return _held(accepted, settings, box)
    return _offered(request, request.order, accepted, settings, box, journal)


def _stranger(request: ExecutorRequest, accepted: Accepted | None) -> Admitted | None:
    """Return the answer to an agent that says it is another node than the pinned one."""
    if accepted is None:
        return None
    asked = Identity(node=request.node, incarnation=request.incarnation)
    if asked == accepted.identity:
        return None
    reason = (
        f"this executor serves node {accepted.node}, incarnation {accepted.incarnation}; the agent "
        f"is {asked.node}, {asked.incarnation}; if the box was given a new identity, "
        "run `skerry-executor reset --yes`"
    )
    log("error", "asked by another identity", reason=reason)
    code = verification.OTHER_INCARNATION
    if asked.node != accepted.node:
        code = verification.OTHER_NODE
    refused = refusal(code, reason) if request.order is not None else None
    return Admitted(refusal=refused, problems=(reason[:1024],))


def _held(accepted: Accepted | None, settings: Settings, box: _Box) -> Admitted:
    if accepted is None:
        return Admitted()
    try:
        gone = ended.load(settings.state, accepted.generation)
        order = _without(order_of(accepted), gone)
    except StateError as error:
        return Admitted(accepted=accepted, problems=(str(error)[:1024],))
    judged = _against_policy(order, settings, box)
    return Admitted(
        accepted=accepted,
        order=order,
        refusal=judged.refusal,
        problems=judged.problems,
        allowed=judged.refusal is None,
    )


def _offered(
    request: ExecutorRequest,
    data: bytes,
    accepted: Accepted | None,
    settings: Settings,
    box: _Box,
    journal: Journal,
) -> Admitted:
    identity = Identity(node=request.node, incarnation=request.incarnation)
    keys = trusted_keys(settings)
    high_water = accepted.high_water if accepted is not None else None
    found = verification.verify(data, keys.by_id, identity, high_water)
    if isinstance(found, Refusal):
        return _refused(found, keys.problems, accepted, settings, box)
    judged = _against_policy(found.order, settings, box)
    if judged.refusal is not None:
        refused = _refused(judged.refusal, judged.problems, accepted, settings, box)
        if box.trouble is None:
            return refused
        return _without_ended(refused, found.order, settings.state)
    if high_water is None or found.order.generation > high_water.generation:
        fresh = _kept(found, data, accepted, settings, journal)
        if isinstance(fresh, Refusal):
            return _refused(fresh, (), accepted, settings, box)
        return Admitted(accepted=fresh, order=found.order, newer=True, allowed=True)
    return Admitted(accepted=accepted, order=found.order, allowed=True)


def _kept(
    found: Verified,
    data: bytes,
    accepted: Accepted | None,
    settings: Settings,
    journal: Journal,
) -> Accepted | Refusal:
    """Make the order the one that counts, before anything is done about it."""
    order = found.order
    fresh = Accepted(
        node=order.node,
        incarnation=order.incarnation,
        generation=order.generation,
        digest=found.digest,
        envelope=data,
    )
    try:
        with journal.accepting(_readable(accepted), order):
            state.save(settings.state, fresh)
    except StateError as error:
        return refusal(verification.NOT_KEPT, str(error), order.generation)
    log("info", "order accepted", generation=order.generation, instances=len(order.instances))
    return fresh


def _readable(accepted: Accepted | None) -> Order | None:
    """Return the order that was accepted before; None where there is none that can be read."""
    try:
        return None if accepted is None else order_of(accepted)
    except StateError:
        return None


def _refused(
    refused: Refusal,
    problems: tuple[str, ...],
    accepted: Accepted | None,
    settings: Settings,
    box: _Box,
) -> Admitted:
    """Return a refusal beside the order that was accepted before, which is only looked at."""
    log("warning", "order refused", generation=refused.generation, code=refused.code,
        reason=refused.reason)  # fmt: skip
    held = _held(accepted, settings, box)
    return dataclasses.replace(held, refusal=refused, problems=problems, allowed=False)


def _without_ended(refused: Admitted, offered: Order, folder: pathlib.Path) -> Admitted:
    """Return a refusal for a policy that cannot be used: what is wanted no more ends even so."""
    if refused.order is None or refused.accepted is None:
        return refused
    wanted = {one.id for one in offered.instances}
    gone = {one.id for one in refused.order.instances} - wanted
    generation = refused.accepted.generation
    try:
        if gone:
            ended.save(folder, generation, gone | ended.load(folder, generation))
    except StateError as error:
        problems = (*refused.problems, str(error)[:1024])[:MAX_PROBLEMS]
        return dataclasses.replace(refused, problems=problems)
    return dataclasses.replace(refused, order=_without(refused.order, gone), ends=True)


def _without(order: Order, instances: Collection[str]) -> Order:
    left = tuple(one for one in order.instances if one.id not in instances)
    return dataclasses.replace(order, instances=left)


@frozen()
class _Judged:
    """Why the box does not allow an order, every reason in full."""

    refusal: Refusal | None = None
    problems: tuple[str, ...] = ()


def _against_policy(order: Order, settings: Settings, box: _Box) -> _Judged:
    if box.trouble is not None:
        return _Judged(refusal(verification.POLICY, box.trouble, order.generation))
    finished = _finished(order, settings.state) if box.policy.has_limits else frozenset()
    violations = [str(one) for one in _checked(order, box, finished)]
    if not violations:
        return _Judged()
    absent = "" if box.is_there else _no_policy(settings.policy)
    reason = f"the box's policy does not allow it: {absent}{'; '.join(violations)}"
    problems = tuple(violation[:1024] for violation in violations)
    if len(problems) > MAX_PROBLEMS:
        more = len(problems) - MAX_PROBLEMS + 1
        problems = (*problems[: MAX_PROBLEMS - 1], f"and {more} more")
    return _Judged(refusal(verification.POLICY, reason, order.generation), problems)


def _checked(order: Order, box: _Box, finished: Collection[str]) -> tuple[Violation, ...]:
    return check(order, box.policy, os.path.realpath, finished, box.approvers)


def _finished(order: Order, folder: pathlib.Path) -> frozenset[str]:
    """Return the jobs that will not run again by this box's own record of them."""
    if all(one.job is None for one in order.instances):
        return frozenset()
    try:
        records = job_store.load(folder)
    except StateError as error:
        log("warning", "every job counts as one that may run", reason=str(error))
        return frozenset()
    return frozenset(one.id for one in order.instances if is_finished(one, records.get(one.id)))


def _no_policy(path: pathlib.Path) -> str:
    return f"there is no {path}, so no image is allowed; "
