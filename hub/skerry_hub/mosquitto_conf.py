"""What a mosquitto of a fleet is told: its configuration, as text. Pure.

Paths are relative to the folder in which it is started, unless `folder` says where its files are.
"""

from __future__ import annotations

from collections.abc import Sequence

CONF = "mosquitto.conf"
ACL = "acl"
CRL = "crl.pem"
CA = "ca.pem"
CERTIFICATE = "broker.pem"
FILES = (CONF, ACL, CRL, CA, CERTIFICATE)
"""All that a broker with certificates needs. The last holds its key, too."""

SAVED = "mosquitto.db"
"""What it keeps from an orderly end to the next start."""

Part = tuple[str, Sequence[str]]
"""What some lines are for, and the lines."""

_ANY = ("::", "*", "")
"""Addresses that stand for all of this machine's."""

_FLOW: Sequence[Part] = (
    (
        "A hub that comes back gets every retained message of the fleet at once. The default,\n"
        "1000, drops the rest without a word.",
        ("max_queued_messages 1000000", "max_inflight_messages 100"),
    ),
    (
        "Of what nobody fetches any more.",
        ("persistent_client_expiration 14d",),
    ),
    (
        "The largest order. Whoever sends more is disconnected.",
        ("max_packet_size 1048576",),
    ),
    (
        "Else a packet waits up to 40 ms until the one before has arrived.",
        ("set_tcp_nodelay true",),
    ),
)


def plain(port: int) -> str:
    """Return that of a broker on loopback, open to whoever is on this machine."""
    return _text(
        (
            ("For this machine alone.", (f"listener {port} 127.0.0.1", "allow_anonymous true")),
            *_FLOW,
            _LOG,
        )
    )


def secured(host: str, port: int, folder: str = "") -> str:
    """Return that of a broker that others reach: everybody shows a certificate."""
    where = f"listener {port}" if host in _ANY else f"listener {port} {host}"
    return _text(
        (
            ("Boxes, hub and other systems.", (where,)),
            (
                "Each shows a certificate of the hub's authority, which is not on the list of\n"
                "revoked ones. Its common name is the user and the client id: so nobody can take\n"
                "another's place. The list, and the broker's own key and certificate, are read\n"
                "again at SIGHUP.",
                (
                    f"cafile {folder}{CA}",
                    f"certfile {folder}{CERTIFICATE}",
                    f"keyfile {folder}{CERTIFICATE}",
                    f"crlfile {folder}{CRL}",
                    "tls_version tlsv1.2",
                    "require_certificate true",
                    "use_identity_as_username true",
                    "use_username_as_clientid true",
                ),
            ),
            (
                "What each may do.",
                ("allow_anonymous false", f"acl_file {folder}{ACL}"),
            ),
            (
                "Nobody here uses QoS 2, for which a broker keeps more of what comes.",
                ("max_qos 1",),
            ),
            *_FLOW,
            (
                "Who says nothing is gone after one and a half times this, in seconds.",
                ("max_keepalive 120",),
            ),
            _LOG,
        )
    )


def local(user: str | None, state: str | None) -> str:
    """Return what is the machine's affair: as whom it runs, and where it keeps what it has."""
    parts: list[Part] = []
    if user is not None:
        parts.append(("It gives up nothing and gains nothing.", (f"user {user}",)))
    if state is None:
        parts.append(("", ("persistence false",)))
    else:
        parts.append(
            (
                "What it has is written at an orderly end alone, for the next start. After any\n"
                "other end hub and boxes say again all that is retained; so this file must be\n"
                "removed once it is read. Never autosave_on_changes: it writes everything at each\n"
                "change, and with 1,000 boxes takes ten orders a second rather than thousands.",
                (
                    "persistence true",
                    f"persistence_location {state}",
                    f"persistence_file {SAVED}",
                    "autosave_interval 0",
                ),
            )
        )
    return _text(parts)


FOLDER = "/etc/skerry/broker"
STATE = "/var/lib/mosquitto/"


def whole(host: str = "", port: int = 8883, folder: str = FOLDER) -> str:
    """Return that of a mosquitto of one's own, as Debian installs it."""
    return f"{secured(host, port, f'{folder}/')}\n{local(None, STATE)}"


def listener_port(conf: str) -> int | None:
    """Return the port of a configuration's first listener."""
    for line in conf.splitlines():
        match line.split():
            case ["listener", port, *_] if port.isdecimal():
                return int(port)
    return None


_LOG: Part = ("", ("log_type error", "log_type warning"))


def _text(parts: Sequence[Part]) -> str:
    blocks = []
    for why, lines in parts:
        comment = [f"# {line}" for line in why.splitlines()]
        blocks.append("\n".join((*comment, *lines)))
    return "\n\n".join(blocks) + "\n"
