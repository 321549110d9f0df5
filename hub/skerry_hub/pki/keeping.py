"""Keeps the certificates of hub and broker valid while the hub runs, by looking in time.

By the wall clock, which validity is about; so it looks at least once an hour, whatever that says.
"""

from __future__ import annotations

import pathlib
import threading
import time
from collections.abc import Callable, Sequence

import structlog

from skerry_hub import metrics
from skerry_hub.pki import leaves, own_certificates
from skerry_hub.pki.authority import Authority, AuthorityError

log = structlog.get_logger("certificates")

LOOK_MOST_S = 3600.0
LOOK_LEAST_S = 0.05
AGAIN_S = 60.0
DAY_S = 86_400.0


class Keeping:
    """One thread. `renewed` is told the files that are new, `daily` called once a day."""

    def __init__(
        self,
        folder: pathlib.Path,
        authority: Authority,
        names: Sequence[str],
        life_s: float,
        renewed: Callable[[Sequence[str]], None],
        daily: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder = folder
        self._authority = authority
        self._names = names
        self._life_s = life_s
        self._renewed = renewed
        self._daily = daily
        self._day_done = time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="certificates", daemon=True)

    def start(self) -> None:
        """Begin to look. They must have been made by then (`own_certificates.renew`)."""
        self._measure()
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def _run(self) -> None:
        while not self._stopping.wait(self._wait_s()):
            try:
                self._look()
            except Exception as error:
                # It is tried again: what there is holds for a third of its life still.
                known = isinstance(error, AuthorityError)
                log.error("a certificate cannot be renewed", reason=str(error), exc_info=not known)
                self._stopping.wait(AGAIN_S)

    def _wait_s(self) -> float:
        now = time.time()
        due = own_certificates.next_look(self._folder, now, self._life_s)
        return min(LOOK_MOST_S, max(LOOK_LEAST_S, due - now))

    def _measure(self) -> None:
        for name, one in own_certificates.there_are(self._folder).items():
            metrics.CERTIFICATE_UNTIL.labels(name).set(leaves.expires_at(one))

    def _look(self) -> None:
        found = own_certificates.renew(
            self._folder, self._authority, self._names, time.time(), self._life_s
        )
        self._measure()
        if found:
            log.info("certificates were renewed", files=list(found))
            self._renewed(found)
        if time.monotonic() - self._day_done >= DAY_S:
            self._day_done = time.monotonic()
            self._daily()
