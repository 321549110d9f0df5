"""What to do so that the box runs what an order says: desired and actual in, actions out. Pure.

A container that has the order's spec is kept as it is and never restarted, unless its devices have
other nodes by now. What carries other labels than this node's is not even seen here. Doing the
actions and deciding again gives none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from skerry_executor.actual import Actual, HostPort, Phase
from skerry_executor.halt import NO_HALTS, Halts
from skerry_executor.specs import name_of, spec_of
from skerry_executor.start_order import (
    ending_order,
    has_lost,
    holding,
    in_order,
    should_start,
    unmet,
    waiting,
)
from skerry_wire.frozen import frozen
from skerry_wire.images import parse_image
from skerry_wire.workload import Container, Instance


@frozen(kw_only=True)
class Keep:
    """Leave a container as it is: it is what the order says."""

    actual: Actual


@frozen(kw_only=True)
class Pull:
    """Fetch an image before anything of the instance is touched."""

    image: str
    cached: bool
    """Whether the image is there already, so that the instance can do without the pull."""


@frozen(kw_only=True)
class Missing:
    """An image that is not on the box and cannot be fetched: the instance stays as it is."""

    image: str
    reason: str


@frozen(kw_only=True)
class Lacking:
    """A device that the instance has, and that cannot be had now: it is not started without."""

    reason: str


@frozen(kw_only=True)
class Stop:
    """End a container, within the grace that it was created with."""

    actual: Actual


@frozen(kw_only=True)
class Remove:
    """Remove a stopped container."""

    actual: Actual


@frozen(kw_only=True)
class Create:
    """Make a container, without starting it."""

    instance: Instance
    container: Container


@frozen(kw_only=True)
class Start:
    """Start a container, by its name when it has just been created."""

    instance: str
    reference: str


@frozen(kw_only=True)
class Await:
    """Do not start a container yet: what it starts after has not come so far."""

    reason: str


Action = Keep | Pull | Missing | Lacking | Stop | Remove | Create | Start | Await


@frozen()
class Looked:
    """What a container would get now for its devices on a bus: `nodes`, or why it would not."""

    nodes: str = ""
    problem: str | None = None


Devices = Mapping[tuple[str, str], Looked]
"""By instance and container, of those that have devices on a bus."""

NO_DEVICES: Devices = {}
_IDLE = (Phase.CREATED, Phase.EXITED, Phase.REMOVING, Phase.DAMAGED)


@frozen(kw_only=True)
class InstancePlan:
    """What one instance needs, in order; a failure ends this instance's actions only."""

    instance: Instance
    actions: tuple[Action, ...]

    @property
    def pulls(self) -> bool:
        """Whether it waits for an image."""
        return any(isinstance(action, Pull) for action in self.actions)

    @property
    def changes(self) -> bool:
        """Whether anything is to be done at all."""
        return any(not isinstance(action, Keep | Await) for action in self.actions)

    @property
    def awaits(self) -> bool:
        """Whether a container is not started yet."""
        return any(isinstance(action, Await) for action in self.actions)


@frozen(kw_only=True)
class Plan:
    """`first` makes room (unwanted containers, ports that others need), then each instance."""

    first: tuple[Stop | Remove, ...]
    instances: tuple[InstancePlan, ...]

    @property
    def actions(self) -> tuple[Action, ...]:
        """Return all actions, in order."""
        return (*self.first, *(a for plan in self.instances for a in plan.actions))

    @property
    def changes(self) -> bool:
        """Whether anything is to be done at all."""
        return bool(self.first) or any(plan.changes for plan in self.instances)


def reconcile(
    desired: Sequence[Instance],
    actual: Iterable[Actual],
    present: Collection[str],
    devices: Devices = NO_DEVICES,
    halts: Halts = NO_HALTS,
    *,
    whole: bool = False,
    resting: Collection[str] = (),
) -> Plan:
    """Return what is to be done.

    `actual` are the containers labelled with this node; `present` those images of
    `images_needed` that are on the box. Nothing of what is in `halts` may run. `whole`: the
    containers of an instance are only replaced together. `resting` are the containers, by id, that
    are not to run for a while.
    """
    matches = match(desired, actual, devices, whole=whole)
    matches = dataclasses.replace(matches, resting=frozenset(resting))
    wanted = {instance.id for instance in desired}
    plans = tuple(
        _halted_plan(instance, matches)
        if instance.id in halts
        else _instance_plan(instance, matches, present, devices)
        for instance in desired
    )
    released = _released(plans)
    unwanted = [one for one in matches.unwanted if one.instance not in wanted]
    first = [step for one in (*ending_order(unwanted), *released) for step in _end(one)]
    gone = {one.id for one in released}
    plans = tuple(_without_ends(plan, gone) for plan in plans)
    # Those that wait for an image come last: they may take hours.
    return Plan(first=tuple(first), instances=tuple(sorted(plans, key=lambda plan: plan.pulls)))


def images_needed(
    desired: Sequence[Instance],
    actual: Iterable[Actual],
    devices: Devices = NO_DEVICES,
    halts: Halts = NO_HALTS,
    *,
    whole: bool = False,
) -> tuple[str, ...]:
    """Return the images, in full, of the containers that will have to be created."""
    matches = match(desired, actual, devices, whole=whole)
    needed = {
        parse_image(container.image).full: None
        for instance in desired
        for container in instance.containers
        if (instance.id, container.name) not in matches.kept and instance.id not in halts
    }
    return tuple(needed)


@frozen(kw_only=True)
class Matches:
    """Which container is which: by (instance, container) what stays and what is replaced.

    `resting` are the ids of those that are not to run for a while.
    """

    kept: dict[tuple[str, str], Actual]
    replaced: dict[tuple[str, str], tuple[Actual, ...]]
    unwanted: tuple[Actual, ...]
    resting: frozenset[str] = frozenset()


def match(
    desired: Sequence[Instance],
    actual: Iterable[Actual],
    devices: Devices = NO_DEVICES,
    *,
    whole: bool = False,
) -> Matches:
    """Find for each desired container the one that has its spec, and what stands in its place.

    One that was given device nodes which are others now is replaced; while a device is away, what
    runs is left alone. `whole`: where one of an instance is to be made, all are, as
    of one whose containers share a network.
    """
    wanted = {
        (instance.id, container.name): spec_of(instance, container)
        for instance in desired
        for container in instance.containers
    }
    kept: dict[tuple[str, str], Actual] = {}
    replaced: dict[tuple[str, str], tuple[Actual, ...]] = {}
    unwanted: list[Actual] = []
    # Of several with the same spec, one that runs stays, and of these one with the right name.
    for one in sorted(actual, key=_preference):
        key = one.instance, one.container
        if key not in wanted:
            unwanted.append(one)
        elif key not in kept and one.spec == wanted[key] and _is_good(one, devices.get(key)):
            kept[key] = one
        else:
            replaced[key] = (*replaced.get(key, ()), one)
    for instance in desired:
        # Who joined another's network would keep the one that went with the container.
        if whole or instance.shared_network:
            keys = [(instance.id, container.name) for container in instance.containers]
            if not all(key in kept for key in keys):
                for key in [key for key in keys if key in kept]:
                    replaced[key] = (*replaced.get(key, ()), kept.pop(key))
    return Matches(kept=kept, replaced=replaced, unwanted=tuple(unwanted))


def _is_good(one: Actual, looked: Looked | None) -> bool:
    if one.phase in (Phase.REMOVING, Phase.DAMAGED):
        return False
    return looked is None or looked.problem is not None or looked.nodes == one.devices


def _preference(one: Actual) -> tuple[bool, bool, str]:
    named = one.name == name_of(one.instance, one.container)
    return one.phase is not Phase.RUNNING, not named, one.id


def _instance_plan(
    instance: Instance, matches: Matches, present: Collection[str], devices: Devices
) -> InstancePlan:
    """Images come first, then all ends, all that is made, and the starts in their order."""
    before: list[Action] = []
    creates: list[Action] = []
    leftover = [one for one in matches.unwanted if one.instance == instance.id]
    ordered = in_order(instance)
    old = ending_order(leftover)
    for container in reversed(ordered):
        old += matches.replaced.get((instance.id, container.name), ())
    ends = [step for one in sorted(old, key=holding) for step in _end(one)]
    for container in ordered:
        if (instance.id, container.name) not in matches.kept:
            before += _image_action(container, present)
            creates.append(Create(instance=instance, container=container))
    starts = _starts(instance, ordered, matches, devices)
    actions = (*dict.fromkeys(before), *ends, *creates, *starts)
    return InstancePlan(instance=instance, actions=actions)


def _starts(
    instance: Instance, ordered: Sequence[Container], matches: Matches, devices: Devices
) -> Iterator[Action]:
    there = {
        container.name: kept
        for container in ordered
        if (kept := matches.kept.get((instance.id, container.name))) is not None
    }
    starting: set[str] = set()
    for container in ordered:
        kept = there.get(container.name)
        if kept is not None and kept.id in matches.resting:
            # What has ended may be started by its runtime the next moment: it is told, too.
            is_over = kept.phase in (Phase.CREATED, Phase.REMOVING, Phase.DAMAGED)
            yield Keep(actual=kept) if is_over else Stop(actual=kept)
            continue
        if kept is not None and kept.detached and kept.phase is Phase.RUNNING:
            yield Stop(actual=kept)
        elif kept is not None and not should_start(container, kept):
            yield Keep(actual=kept)
            continue
        if kept is not None and has_lost(kept, instance, there, starting):
            # Whom it would reach has ended for good, and no network can be had from it any more.
            alone = dataclasses.replace(instance, shared_network=False)
            yield Remove(actual=kept)
            yield Create(instance=alone, container=container)
            kept = None
        reason = unmet(waiting(instance, container), there, starting)
        if reason is not None:
            yield Await(reason=reason)
            continue
        looked = devices.get((instance.id, container.name))
        if kept is not None and looked is not None and looked.problem is not None:
            yield Lacking(reason=looked.problem)
        starting.add(container.name)
        reference = name_of(instance.id, container.name) if kept is None else kept.id
        yield Start(instance=instance.id, reference=reference)


def _halted_plan(instance: Instance, matches: Matches) -> InstancePlan:
    """Return the ends of what runs of an instance; the containers stay, for logs and later."""
    leftover = [one for one in matches.unwanted if one.instance == instance.id]
    for container in reversed(in_order(instance)):
        key = instance.id, container.name
        leftover += matches.replaced.get(key, ())
        leftover += filter(None, (matches.kept.get(key),))
    actions = (
        Keep(actual=one) if one.phase in _IDLE else Stop(actual=one)
        for one in sorted(leftover, key=holding)
    )
    return InstancePlan(instance=instance, actions=tuple(actions))


def _image_action(container: Container, present: Collection[str]) -> Iterator[Action]:
    image = parse_image(container.image)
    there = image.full in present
    if image.local or container.pull == "never":
        if not there:
            why = "images of localhost are never pulled" if image.local else "pull is never"
            yield Missing(image=image.full, reason=f"{image.full} is not on this box, and {why}")
    elif not there or container.pull == "always":
        yield Pull(image=image.full, cached=there)


def _end(one: Actual) -> tuple[Stop, Remove] | tuple[Remove]:
    if one.phase in _IDLE:
        return (Remove(actual=one),)
    return Stop(actual=one), Remove(actual=one)


def _released(plans: Sequence[InstancePlan]) -> tuple[Actual, ...]:
    """Return those that give up a port which another instance is about to take.

    An instance whose image is not there yet gives up nothing before it is: the other one then
    finds the port in use, and is tried again.
    """
    takers: dict[HostPort, set[str]] = {}
    for plan in plans:
        for action in plan.actions:
            if isinstance(action, Create):
                for port in action.container.ports:
                    taken = HostPort(port.host, port.protocol)
                    takers.setdefault(taken, set()).add(plan.instance.id)
    found: list[Actual] = []
    for plan in plans:
        if any(isinstance(action, Pull | Missing) for action in plan.actions):
            continue
        ends = [action.actual for action in plan.actions if isinstance(action, Remove)]
        giving = [
            one
            for one in ends
            if any(takers.get(port, set()) - {plan.instance.id} for port in one.ports)
        ]
        # Whoever has the network of one that goes, goes before it.
        found += [one for one in ends if one in giving or any(map(one.joins, giving))]
    return tuple(found)


def _without_ends(plan: InstancePlan, gone: Collection[str]) -> InstancePlan:
    left = tuple(
        action
        for action in plan.actions
        if not (isinstance(action, Stop | Remove) and action.actual.id in gone)
    )
    return dataclasses.replace(plan, actions=left)
