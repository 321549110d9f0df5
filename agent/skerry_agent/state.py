"""Everything that the agent knows while it runs. Frozen: `core.step` makes the next one."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Mapping

from skerry_agent import event_rate
from skerry_agent.enrollment import (
    NO_RENEWAL,
    NOT_SHARED,
    Enrollment,
    Renewal,
    Shared,
)
from skerry_agent.event_rate import Paces
from skerry_agent.exits import Exits
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.frozen import frozen
from skerry_wire.hardware import Hardware
from skerry_wire.local import Outcome
from skerry_wire.messages import BROKER, Event, Report, Target
from skerry_wire.order_keys import KeyStanding
from skerry_wire.runtime_limits import RuntimeInUse
from skerry_wire.topics import NodeTopic

NEVER = math.inf
"""A deadline that does not come."""


NOTHING_YET = Outcome()


class PresenceSeq(enum.IntEnum):
    """The presence messages of one connection, in the order in which the hub shall take them."""

    ONLINE = 0
    WILL = 1
    STOPPED = 2


def presence_seq(connection: int, which: PresenceSeq) -> int:
    """Return the sequence number of a presence message.

    The will of a connection is made before it, and sent by the broker after it, maybe once the
    next one is there: so each connection has its own three numbers.
    """
    return 3 * connection + which


@frozen(kw_only=True)
class Settings:
    """The times by which the agent behaves, in seconds."""

    heartbeat_s: float = 15.0
    debounce_s: float = 0.2
    """How long devices must be quiet before they are read again, ..."""
    debounce_most_s: float = 0.6
    """... and how long a storm of changes may put that off."""
    report_gap_s: float = 0.2
    """Least time between two reports of progress."""
    retry_first_s: float = 2.0
    retry_most_s: float = 300.0
    order_gap_s: float = 0.5
    """Least time between two orders that are looked at."""
    save_again_s: float = 20.0
    """Time until the journal is tried again after it could not be written."""
    exit_gap_s: float = 1.0
    """Least time between two looks because the same instance has ended; it doubles ..."""
    exit_gap_most_s: float = 60.0
    """... up to this, ..."""
    calm_s: float = 120.0
    """... until it has not ended for so long."""
    look_s: float = 600.0
    """Time between two looks at the instances when nothing happens."""
    settle_s: float = 5.0
    """How long a device may need to be wholly there: an accelerator on USB leaves and comes back
    while it loads its firmware, a network link comes up without an announcement."""
    look_round_first_s: float = 30.0
    """How long after the start the hardware is read again, although nothing was announced: what
    started together with the agent (a runtime, a mount) is not, ..."""
    look_round_s: float = 600.0
    """... and how often after that."""
    look_round_slack_s: float = 60.0
    """How long that waits for a heartbeat, so that the box is not woken for it."""
    events_most: int = 256
    """Most events that are kept while the broker is away; then the oldest are counted only."""
    lease_gap_s: float = 5.0
    """Least time between two requests to renew leases."""
    lease_spread_s: float = 1.0
    """Within this after a connection leases are renewed: not all boxes of a broker at once."""
    look_gap_s: float = 0.2
    """Least time until a look that the executor asks for."""
    round_trips: bool = True
    """Whether round-trip times are measured at all."""
    round_trip_first_s: float = 600.0
    """Least time between two measurements of one target; it doubles ..."""
    round_trip_most_s: float = 3600.0
    """... up to this, while the time stays the same or nobody answers."""
    round_trip_gap_s: float = 15.0
    """Least time between two measurements of any, whatever the hub asks for."""
    targets_gap_s: float = 10.0
    """Least time between two lists of targets that the executor is given to verify, ..."""
    targets_again_s: float = 60.0
    """... and how long after it could not be asked."""


@frozen()
class Held:
    """That a device went, not yet told: it may come back until `due`."""

    subject: str
    detail: str
    due: float


@frozen()
class RoundTrip:
    """A target, the round-trip time to it as it was last measured, and when that is due again."""

    target: Target
    due: float = -NEVER
    interval_s: float = 0.0
    ms: float | None = None
    told: bool = True
    problem: str = ""
    """Why the last measurement failed; empty when it did not."""


@frozen(kw_only=True)
class KeyState:
    """The keys that sign orders: what the executor trusts, and changes on their way to it."""

    standing: KeyStanding | None = None
    taken: bytes | None = None
    """The changes that it was handed last, as they came."""
    waiting: bytes | None = None
    """Changes that have arrived and are not yet with the executor."""
    handed: bool = False
    """It has been given some, and has not answered."""
    at: float = NEVER
    hand_from: float = -NEVER
    """None are handed before."""
    problem: str | None = None


NO_KEYS = KeyState()
TO_BROKER = RoundTrip(Target(name=BROKER, host="", port=0))
"""The target that needs no address: there is a connection already."""


@frozen()
class Asked:
    """A request that the executor answers: how many parts of it have been told."""

    correlation: bytes | None
    until: float = NEVER
    """When it is ended unless somebody still waits for it."""
    parts: int = 0
    input_until: float = -NEVER
    """Until when the input of its session that came uses up the rate at which it may."""


@frozen(kw_only=True)
class State:
    """What the agent knows. All `_at` are deadlines on the monotonic clock."""

    node: str
    incarnation: str
    boot: int
    version: str
    settings: Settings = Settings()

    connected: bool = False
    connection: int = 0
    """Number of the newest connection to the broker since the start."""
    sequences: Mapping[NodeTopic, int] = dataclasses.field(default_factory=dict)
    stopping: bool = False

    hardware: Hardware | None = None
    """What the probes found, and what the executor told of the box."""
    revision: str = "00000000"
    policy: BoxPolicy | None = None
    """What the box allows, as its executor told it last; None before it did."""
    runtime_in_use: RuntimeInUse | None = None
    """Which runtime the executor drives, as it told last."""
    sealing_key: bytes | None = None
    """To which secrets for this box are sealed, as its executor told it last."""
    probing: bool = False
    probe_again: bool = False
    probe_at: float = NEVER
    probe_latest_at: float = NEVER
    second_look_at: float = NEVER
    """When to look again after a change, at what comes with it and is not announced."""
    look_round_at: float = NEVER
    """When to look although nothing was announced."""
    hotplug_problem: str | None = None
    """Why nothing is announced."""
    held: tuple[Held, ...] = ()
    """Devices of which it is not yet told that they went."""

    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """The labels that people gave this box."""
    label_problem: str | None = None

    uses: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    """The instances that use each device, by its path or place, as the accepted order has it."""
    nodes_there: Mapping[str, bool] = dataclasses.field(default_factory=dict)
    """Whether each of them was there when they were last looked for."""
    node_signs: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Of those on a bus: what changes when a device gets other nodes; empty while it is away."""
    node_names: Mapping[str, str] = dataclasses.field(default_factory=dict)

    heartbeat_at: float = NEVER

    order: bytes | None = None
    """The order that the executor accepted last, as it came."""
    waiting: bytes | None = None
    """An order that has arrived and is not yet with the executor."""
    offered: bytes | None = None
    """The order that the present run was given."""
    run: int = 0
    """Number of the newest run of the executor."""
    running: bool = False
    run_at: float = -NEVER
    """When the newest run was started."""
    converge_at: float = NEVER
    hold_until: float = 0.0
    """No order is looked at before, because one was refused."""
    look_again: bool = False
    """Something that the executor reads has changed while a run was under way."""
    ended: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """The instances of which something ended meanwhile, and when to look for each, not before."""
    exits: Exits = dataclasses.field(default_factory=dict)
    """The last ends of instances."""
    failures: int = 0
    """Runs in a row that did not reach their order."""
    retries: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """The same, by instance that does not run."""
    outcome: Outcome = NOTHING_YET
    reached_generation: int = 0
    """The newest generation that was wholly carried out."""
    malformed: int = 0
    """Messages that were none, since the start; ..."""
    quiet_until: float = -NEVER
    """... and until when no more of them are logged."""
    executor_problem: str | None = None
    lease_at: float = NEVER
    """When the hub is asked to renew the leases of what runs here."""
    lease_from: float = -NEVER
    """It is not asked before."""
    lease_asked: bool = False
    """The executor has been asked for a challenge, and has not answered."""
    lease_grants: int = 0
    """How many grants may still be handed to the executor for the last request."""
    lease_handed: bool = False
    """The executor has been given one, and has not answered."""
    lease_problem: str | None = None
    journal_problem: str | None = None
    save_at: float = NEVER

    reported: Report | None = None
    """The newest report that was published in this connection."""
    report_at: float = NEVER
    reported_at: float = -NEVER
    events: tuple[Event, ...] = ()
    """Events that the broker has not yet acknowledged, oldest first."""
    event_count: int = 0
    wall_ahead_s: float | None = None
    """By how much the wall clock was ahead of the monotonic one; None: not yet known."""
    event_paces: Paces = dataclasses.field(default_factory=dict)
    """How often each subject was told of, and what is held back."""

    asked: Mapping[str, Asked] = dataclasses.field(default_factory=dict)
    """Requests that the executor has under way, by id."""
    asked_until: float = -NEVER
    """Until when those that were taken use up the rate at which they may come."""

    enrollment: Enrollment | None = None
    """Which hub the box has joined, if it has."""
    enrollment_problem: str | None = None
    """Why nothing is known of that."""
    renewal: Renewal = NO_RENEWAL
    shared: Shared = NOT_SHARED
    """Whether another box connects as this node."""
    machine_problem: str | None = None
    """That this is not the machine that has joined."""

    round_trip_address: str | None = None
    """Where other boxes may measure the round-trip time to this one."""
    broker_round_trip: RoundTrip = TO_BROKER
    round_trips: tuple[RoundTrip, ...] = ()
    """Of the targets that the hub named, at most 16."""
    targets: bytes | None = None
    """The signed targets that were taken last, as they came, ..."""
    targets_issued_at: float = 0.0
    """... and when the hub named them, by its own clock."""
    targets_waiting: bytes | None = None
    """Targets that have arrived and are not yet with the executor."""
    targets_asked: bool = False
    """The executor has been given some, and has not answered."""
    targets_at: float = NEVER
    targets_from: float = -NEVER
    """None are given to the executor before."""
    targets_refused: int = 0
    """Lists of targets that were not the hub's, for another node or old, since the start."""
    targets_problem: str | None = None
    keys: KeyState = NO_KEYS
    measuring: bool = False
    measure_from: float = -NEVER
    """Nothing is measured before; no deadline, for it waits for a heartbeat."""

    @property
    def next_deadline(self) -> float:
        """Return when a `Tick` is due, on the monotonic clock."""
        return min(
            self.heartbeat_at,
            self.probe_at,
            self.probe_latest_at,
            self.second_look_at,
            self._look_round_due,
            self.converge_at,
            self.lease_at,
            self.report_at,
            self.save_at,
            self.renewal.due,
            event_rate.due_at(self.event_paces),
            NEVER if self.targets_asked else self.targets_at,
            NEVER if self.keys.handed else self.keys.at,
            *(one.due for one in self.held),
            *(one.until for one in self.asked.values()),
        )

    @property
    def _look_round_due(self) -> float:
        """Return when to wake up for a look that nothing asked for, unless a heartbeat is near."""
        latest = self.look_round_at + self.settings.look_round_slack_s
        return NEVER if self.heartbeat_at <= latest else self.look_round_at
