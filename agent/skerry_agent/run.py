"""Runs the agent: puts the parts together, and takes them apart in order."""

from __future__ import annotations

import gc
import logging
import os
import signal
from collections.abc import Callable, Mapping

from skerry_agent import doors, enrolled, heap, hotplug, notify, operator_labels, waiting
from skerry_agent import events as ev
from skerry_agent.broker import Broker, broker_of
from skerry_agent.config import SLOW_CACHE, Config, of_ignored, with_joined
from skerry_agent.control import Control, ControlError
from skerry_agent.host import Host
from skerry_agent.journal import Identity, Journal
from skerry_agent.log import name_node
from skerry_agent.mqtt import Link
from skerry_agent.shell import Inbox, Shell
from skerry_agent.state import PresenceSeq, Settings, State, presence_seq
from skerry_agent.status import AgentStatus, status_of
from skerry_wire import __version__
from skerry_wire.messages import Presence

log = logging.getLogger(__name__)

HOTPLUG_OPEN_S = 2.0
"""How long the first look at the hardware waits, so that what changes after it is noticed."""
HOTPLUG_END_S = 0.5


def run(config: Config, read_again: Callable[[], Config]) -> None:
    """Work until asked to stop (SIGTERM, SIGINT). Raises JournalError when it cannot start.

    `read_again` reads the settings once more: a box that has not joined waits for it.
    """
    notifier = notify.Notifier(os.environ, os.getpid())
    if waiting.is_needed(config):
        told = waiting.until_joined(config, read_again, notifier)
        if told is None:
            return
        config = told
    journal = Journal(config.state)
    try:
        _run(config, journal, notifier)
    finally:
        journal.close()


def _run(config: Config, journal: Journal, notifier: notify.Notifier) -> None:
    heap.keep_one()
    identity = journal.identity(config.node)
    name_node(identity.node)
    state = _first_state(config, journal, identity)
    log.info(
        "skerry-agent %s: node %s, incarnation %s, start %d, broker %s",
        __version__, identity.node, identity.incarnation, state.boot, config.broker or "unknown",
    )  # fmt: skip
    inbox = Inbox()
    host = Host(config.root, runtime_socket=config.runtime_socket)
    labels = doors.Labels(state.labels)
    link = Link(
        None,
        identity.node,
        _will(identity, state.boot),
        inbox.post,
        lambda: broker_now(config, identity.node),
    )
    real = doors.RealDoors(
        link=link,
        prober=doors.prober(host, config.state / SLOW_CACHE, labels, inbox.post),
        host=host,
        journal=journal,
        identity=identity,
        executor=config.executor,
        state=config.state,
        post=inbox.post,
        labels=labels,
        labels_now=lambda: operator_labels.read(config),
        round_trip_networks=config.round_trip_networks,
    )
    shell = Shell(state, real, inbox)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: inbox.post(ev.StopAsked()))
    signal.signal(signal.SIGHUP, lambda *_: inbox.post(ev.ReloadAsked()))
    control = _serve(config, identity.node, shell)
    watch = hotplug.HotplugWatch(_to_events(inbox.post))
    watch.start()
    link.start()
    _keep_watchdog(notifier, shell, link)
    watch.wait_until_open(HOTPLUG_OPEN_S)
    notifier.ready()
    # What was imported stays for ever: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    try:
        shell.run()
    finally:
        notifier.stopping()
        log.info("stopping; what runs on this box keeps running")
        link.stop()
        watch.stop(HOTPLUG_END_S)
        if control is not None:
            control.close()


def broker_now(config: Config, node: str) -> Broker | None:
    """Return where the broker is by now, and what to show to it; None where nobody has told."""
    found = with_joined(config)
    if found.joined is not None and enrolled.not_of(found.joined, node) is not None:
        return broker_of(config.told_broker, config.state, None)
    return found.broker


def _first_state(config: Config, journal: Journal, identity: Identity) -> State:
    boot = journal.next_boot()
    saved, problem = journal.load()
    if problem is not None:
        log.warning("%s; it is put aside, the hub has the order", problem)
    labels, trouble = _labels(config)
    return State(
        node=identity.node,
        incarnation=identity.incarnation,
        boot=boot,
        version=__version__,
        settings=Settings(heartbeat_s=config.heartbeat_s, round_trips=config.round_trips),
        round_trip_address=config.round_trip_address,
        labels=labels,
        label_problem=trouble,
        order=saved.order,
        events=saved.events,
    )


def _labels(config: Config) -> tuple[Mapping[str, str], str | None]:
    """Return the labels that people gave this box, and what is wrong with them."""
    if config.ignored_labels:
        log.warning("labels %s", of_ignored(config.ignored_labels))
    try:
        return {**config.labels, **operator_labels.stored(config.state)}, None
    except operator_labels.LabelsError as error:
        log.error("labels that were set by command do not hold: %s", error)
        return config.labels, f"labels that were set by command do not hold: {error}"


def _will(identity: Identity, boot: int) -> Callable[[int], Presence]:
    def will(connection: int) -> Presence:
        return Presence(
            incarnation=identity.incarnation,
            boot=boot,
            seq=presence_seq(connection, PresenceSeq.WILL),
            online=False,
            since=0.0,  # nobody knows now when that will be
            version=__version__,
        )

    return will


def _serve(config: Config, node: str, shell: Shell) -> Control | None:
    """Serve the control socket; an agent that cannot works all the same."""

    def told() -> AgentStatus:
        return status_of(shell.state, str(broker_now(config, node) or "not known"))

    try:
        control = Control(config.control, told)
    except ControlError as error:
        log.warning("`skerry-agent status` will not work: %s", error)
        return None
    shell.listen(control.fd, control.on_ready)
    return control


def _to_events(post: Callable[[ev.AgentEvent], None]) -> Callable[[hotplug.Notice], None]:
    def notice(told: hotplug.Notice) -> None:
        match told:
            case hotplug.DeviceNotice():
                post(ev.DevicesChanged(f"{told.action} {told.devpath}"))
            case hotplug.RescanNeeded():
                post(ev.HotplugAvailable())  # who says so hears announcements
                post(ev.DevicesChanged(told.reason))
            case hotplug.Unavailable():
                again = "" if told.is_tried_again else " (until the agent is started again)"
                post(ev.HotplugUnavailable(told.reason + again))

    return notice


def _keep_watchdog(notifier: notify.Notifier, shell: Shell, link: Link) -> None:
    if notifier.feed_s is None:
        return

    def feed() -> None:
        if link.is_stalled:
            log.error("the link to the broker hangs: left to the watchdog")
        else:
            notifier.alive()

    shell.every(notifier.feed_s, feed)
