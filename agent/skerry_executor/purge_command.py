"""The command `skerry-executor purge`: now, or later without this installation."""

from __future__ import annotations

import sys

from skerry_executor import job_store, journal, purge, runtimes, state
from skerry_executor.pulled_images import PulledImages
from skerry_executor.runtimes.base import RuntimeFailure
from skerry_executor.settings import Settings
from skerry_executor.state import StateError

LOCK_WAIT_S = 10.0
ASK = """\
This ends and removes every container that Skerry made on this box, and the images that it pulled,
and forgets the order. Named volumes of podman and docker stay. An agent that runs would get the
order again: stop it first (systemctl stop skerry-agent skerry-executor.socket
skerry-executor.service). Add --yes to do it."""


def now(settings: Settings) -> int:
    """End everything; return the exit status."""
    try:
        with state.locked(settings.state, LOCK_WAIT_S):
            names = _ended(settings)
            state.forget(settings.state)
            journal.Journal(settings.state).clear()
            if job_store.load(settings.state):
                job_store.save(settings.state, {})
    except (StateError, purge.PurgeError) as error:
        return _complain(f"not everything could be ended: {error}")
    print(f"ended and removed: {', '.join(names) or 'nothing, for there was nothing of Skerry'}")
    return 0


def _ended(settings: Settings) -> tuple[str, ...]:
    runtime = runtimes.choose(runtimes.wish_of(settings))
    try:
        return purge.end_all(runtime, PulledImages(settings.state, settings.root))
    except purge.PurgeError:
        if purge.is_installed(settings.runtime):
            raise
        return ()


def later(settings: Settings) -> int:
    """Prepare for the time when this installation is gone; return the exit status."""
    if not _has_taken_orders(settings):
        purge.forget_programs(settings)
        return 0
    runtime = runtimes.choose(runtimes.wish_of(settings))
    try:
        stopped = purge.end_leased(settings, runtime)
        if stopped:
            print(f"stopped, for nobody renews their leases any more: {', '.join(stopped)}")
        left = runtime.containers(purge.ANY_NODE)
    except StateError as error:
        return _complain(str(error))
    except RuntimeFailure as failure:
        if purge.is_installed(settings.runtime):
            print(f"skerry-executor: what runs here is not known: {failure}", file=sys.stderr)
            return _keep(settings, settings.runtime)
        left = ()
    if not left:
        purge.forget_programs(settings)
        return 0
    print(f"{len(left)} containers stay as they are; a purge ends and removes them")
    return _keep(settings, runtime.name)


def _has_taken_orders(settings: Settings) -> bool:
    """Say whether anything can have been made here."""
    try:
        return state.load(settings.state) is not None
    except StateError:
        return True  # what is damaged was an order


def _keep(settings: Settings, runtime: str) -> int:
    try:
        purge.keep_programs(settings, runtime)
    except OSError as error:
        return _complain(f"{error.filename}: {error.strerror}")
    return 0


def _complain(text: str) -> int:
    print(f"skerry-executor: {text}", file=sys.stderr)
    return 1
