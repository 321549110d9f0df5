"""How a connection to the broker ended, from what paho lets see of it. Both of its major versions.

A broker may refuse a certificate at the handshake (TLS 1.2), or with the first thing that is read
after it (TLS 1.3), which paho only logs. Why a broker says good-bye is in its last packet: where
that is short, paho 1.6 logs that it came, and tells no more.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable
from typing import Any

from skerry_agent.events import Ending

_DISCONNECT = 0xE0
_SESSION_TAKEN_OVER = 0x8E
_OF_THE_CERTIFICATE = re.compile(r"alert[ _](?:bad.certificate|certificate|unknown.ca)", re.I)
_GOODBYE = "Received DISCONNECT"
_FAILED = "failed to receive on socket"


class Told:
    """What is known of one connection's end; nothing yet of one that stands."""

    def __init__(self) -> None:
        self.ending = Ending.LOST
        self._reason = ""

    def in_words(self, otherwise: str) -> str:
        """Return why it ended, or else this."""
        return self._reason or otherwise

    def refused(self, code: str) -> None:
        """Note that the broker did not want the connection."""
        self.ending = Ending.REFUSED
        self._reason = f"the broker refuses the connection: {code}"

    def failed(self, error: Exception) -> None:
        """Note what broke the connection."""
        if isinstance(error, ssl.SSLError):
            self._by_tls(str(error))

    def logged(self, client: Any, text: str) -> None:
        """Note what paho logs, at that moment."""
        if text.startswith(_FAILED):
            self._by_tls(text)
        elif text.startswith(_GOODBYE):
            self._said(list(_short_goodbye(client)))

    def said(self, told: Iterable[Any]) -> None:
        """Note a good-bye; `told` is what paho's callback was given of it."""
        self._said([getattr(one, "value", None) for one in told])

    def _said(self, codes: list[Any]) -> None:
        if _SESSION_TAKEN_OVER in codes:
            self.ending = Ending.TAKEN_OVER
            self._reason = "another agent has connected to the broker as this node"

    def _by_tls(self, text: str) -> None:
        if _OF_THE_CERTIFICATE.search(text):
            self.ending = Ending.CERTIFICATE_REFUSED
            self._reason = f"the broker refuses this box's certificate: {_brief(text)}"


def _short_goodbye(client: Any) -> bytes:
    """Return the first byte of a packet in which a broker says good-bye, while paho holds it."""
    packet = getattr(client, "_in_packet", None) or {}
    is_one = packet.get("command", 0) & 0xF0 == _DISCONNECT
    return bytes(packet.get("packet", b""))[:1] if is_one else b""


def _brief(text: str) -> str:
    """Return OpenSSL's own words, without where in its source they stem from."""
    found = re.search(r"\] ([a-z0-9 ]*alert [a-z ]+)", text)
    return found.group(1).strip() if found else text[:200]
