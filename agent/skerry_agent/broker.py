"""Where the broker is: the part of the settings that the link to it needs, without the link."""

from __future__ import annotations

import dataclasses
import pathlib
import urllib.parse

from skerry_agent import joined
from skerry_agent.joined import Joined
from skerry_wire.frozen import frozen


@frozen(kw_only=True)
class Broker:
    """Where the broker is, and how to trust it. Paths are None where TLS does not need them."""

    host: str
    port: int
    tls: bool = False
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


def broker_at(url: str) -> Broker:
    """Return the broker of `mqtt://host[:1883]` or `mqtts://host[:8883]`; ValueError otherwise."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise ValueError(f"{url!r} is no broker: write mqtt://host:port or mqtts://host:port")
    if parts.username or parts.password or parts.path.strip("/") or parts.query:
        raise ValueError("a broker's URL has a host and a port and nothing else")
    tls = parts.scheme == "mqtts"
    return Broker(host=parts.hostname, port=parts.port or (8883 if tls else 1883), tls=tls)


@frozen(kw_only=True)
class Told:
    """What settings say of the broker, each None where they say nothing."""

    broker: Broker | None = None
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None


def broker_of(told: Told, state: pathlib.Path, found: Joined | None) -> Broker | None:
    """Return the broker of the settings, or what a join told, each part by itself; None: neither.

    Raises ValueError where what the join told is no broker.
    """
    broker = told.broker
    if broker is None:
        if found is None:
            return None
        broker = broker_at(found.broker)
    ca, certificate, key = told.ca, told.certificate, told.key
    if found is not None and broker.tls:
        folder = state / joined.FOLDER
        ca = ca or str(folder / joined.BROKER_CA)
        if certificate is None and key is None:
            certificate = str(folder / joined.BOX)
    return dataclasses.replace(broker, ca=ca, certificate=certificate, key=key)
