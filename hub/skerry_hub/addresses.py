"""Where the hub and its broker listen, what they are called, and who may ask: settings, checked.

On loopback things are simple, for trials and for what stands behind another server. On any other
address there is TLS, and whoever asks has a token. There is no setting that turns that off.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import socket
import urllib.parse
from collections.abc import Mapping
from typing import Literal

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
MOST_NAMES = 32

_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
)


class AddressError(ValueError):
    """A setting is wrong; the text names it and says what it must be."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """`names` are those by which boxes and people reach the hub, the first of them its own."""

    host: str
    port: int
    tls: bool
    auth: Literal["tokens", "off"]
    mqtt_host: str
    mqtt_port: int
    names: tuple[str, ...]
    public_url: str
    public_broker: str
    broker_ca: str | None = None

    @property
    def mqtt_tls(self) -> bool:
        """Say whether the hub's own broker asks for certificates: wherever others reach it."""
        return not is_loopback(self.mqtt_host)


def is_loopback(host: str) -> bool:
    """Say whether nobody but this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked(given: Mapping[str, str | None], host: str, port: int, mqtt_port: int) -> Addresses:
    """Return them. Raises AddressError."""
    mqtt_host = "127.0.0.1"
    if given.get("mqtt_listen"):
        mqtt_host, mqtt_port = host_and_port("--mqtt-listen", given["mqtt_listen"] or "")
    tls = _tls(given.get("tls") or "auto", host)
    names = _names(given.get("name"))
    scheme = "https" if tls else "http"
    mqtt_scheme = "mqtt" if is_loopback(mqtt_host) else "mqtts"
    shown = f"[{names[0]}]" if ":" in names[0] else names[0]
    return Addresses(
        host=host,
        port=port,
        tls=tls,
        auth=_auth(given.get("auth") or "tokens", host),
        mqtt_host=mqtt_host,
        mqtt_port=mqtt_port,
        names=(*names, *(name for name in LOOPBACK_NAMES if name not in names)),
        public_url=_url("--public-url", given.get("public_url"), ("http", "https"))
        or f"{scheme}://{shown}:{port}",
        public_broker=_url("--public-broker", given.get("public_broker"), ("mqtt", "mqtts"))
        or f"{mqtt_scheme}://{shown}:{mqtt_port}",
        broker_ca=given.get("broker_ca") or None,
    )


def host_and_port(option: str, text: str) -> tuple[str, int]:
    """Return both of `HOST:PORT`; an IPv6 address stands in brackets. Raises AddressError."""
    host, colon, port = text.rpartition(":")
    host = host.strip("[]")
    if not colon or not host:
        raise AddressError(f"{option} {text[:80]!r} must be HOST:PORT")
    if re.fullmatch("[0-9]{1,5}", port) is None or not 1 <= int(port) <= 65_535:
        raise AddressError(f"{option}: {port[:80]!r} is not a port, 1 to 65535")
    return host, int(port)


def _tls(text: str, host: str) -> bool:
    if text not in ("auto", "yes", "no"):
        raise AddressError(f"--tls {text[:80]!r} must be auto, yes or no")
    if text == "no" and not is_loopback(host):
        raise AddressError(
            f"--tls no: {host} is reached by others; listen on 127.0.0.1, behind a server with TLS"
        )
    return text == "yes" or (text == "auto" and not is_loopback(host))


def _auth(text: str, host: str) -> Literal["tokens", "off"]:
    if text == "tokens":
        return "tokens"
    if text != "off":
        raise AddressError(f"--auth {text[:80]!r} must be tokens or off")
    if not is_loopback(host):
        raise AddressError(f"--auth off: {host} is reached by others; it is for loopback alone")
    return "off"


def _names(text: str | None) -> tuple[str, ...]:
    found = tuple(dict.fromkeys((text or socket.getfqdn()).lower().replace(",", " ").split()))
    if len(found) > MOST_NAMES:
        raise AddressError(f"--name: {len(found)} names, more than {MOST_NAMES}")
    for name in found:
        if _NAME.fullmatch(name) is None and not _is_address(name):
            raise AddressError(f"--name {name[:80]!r} is neither a host name nor an address")
    return found or ("localhost",)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _url(option: str, text: str | None, schemes: tuple[str, ...]) -> str | None:
    if not text:
        return None
    form = f"{option} must be {' or '.join(f'{one}://HOST:PORT' for one in schemes)}"
    try:
        parts = urllib.parse.urlsplit(text)
        port = parts.port
    except ValueError:
        raise AddressError(form) from None
    rest = parts.path.strip("/") or parts.query or parts.fragment or parts.username
    if parts.scheme not in schemes or not parts.hostname or rest or port == 0 or len(text) > 512:
        raise AddressError(form)
    return text.rstrip("/")
