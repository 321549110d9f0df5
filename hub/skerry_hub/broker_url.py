"""Where the hub's broker is, from a URL. Pure."""

from __future__ import annotations

import dataclasses
import urllib.parse


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BrokerUrl:
    """Where the broker is."""

    host: str
    port: int
    tls: bool
    username: str | None
    password: str | None = dataclasses.field(repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


def broker_at(url: str) -> BrokerUrl:
    """Return the broker of `mqtt[s]://[user:password@]host[:port]`. Raises ValueError."""
    form = "a broker is mqtt://host:port or mqtts://host:port"
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(form) from None  # its own words quote the URL, and what is secret in it
    rest = parts.path.strip("/") or parts.query or parts.fragment
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or rest or port == 0:
        raise ValueError(form)
    tls = parts.scheme == "mqtts"
    return BrokerUrl(
        host=parts.hostname,
        port=port or (8883 if tls else 1883),
        tls=tls,
        username=parts.username and urllib.parse.unquote(parts.username),
        password=parts.password and urllib.parse.unquote(parts.password),
    )
