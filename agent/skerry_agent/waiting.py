"""What an agent does on a box that has joined no hub and was told of no broker: it waits.

Nothing is made up before: who this box is may be said by the join. It costs no more than that a
process is there.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable

from skerry_agent.config import Config, ConfigError
from skerry_agent.notify import Notifier

log = logging.getLogger(__name__)

LOOK_S = 600.0
"""How often it looks without being told to: `skerry-agent join` tells it."""
WORDS = (
    "this box has not joined a hub: run the command that `skerry token create` prints "
    "(skerry-agent join https://HUB:8443 --token ... --ca-pin ...), or set broker in {file}"
)


def is_needed(config: Config) -> bool:
    """Say whether there is nothing to do yet. Who has an identity looks after what it ran."""
    return config.broker is None and not (config.state / "identity").exists()


def until_joined(
    config: Config, read_again: Callable[[], Config], notifier: Notifier
) -> Config | None:
    """Wait until there is something to do; None where the agent shall end."""
    told = ""
    signals = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        notifier.ready()
        notifier.status("waits for `skerry-agent join`")
        while is_needed(config):
            words = config.joined_problem or WORDS.format(file=config.file or "agent.toml")
            if words != told:
                log.warning("%s", words)
                told = words
            number = _next_signal(signals, notifier)
            if number in (signal.SIGTERM, signal.SIGINT):
                notifier.stopping()
                return None
            try:
                config = read_again()
            except ConfigError as error:
                log.error("the settings cannot be used, those from before stay: %s", error)
        notifier.status("")
        return config
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _next_signal(signals: tuple[signal.Signals, ...], notifier: Notifier) -> int | None:
    """Return the next signal, None where none comes for long; feeds the watchdog meanwhile."""
    until = time.monotonic() + LOOK_S
    while (left_s := until - time.monotonic()) > 0:
        notifier.alive()
        found = signal.sigtimedwait(signals, min(left_s, notifier.feed_s or left_s))
        if found is not None:
            return found.si_signo
    return None
