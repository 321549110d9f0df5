"""The hub's settings: command line and environment, checked once, into a frozen dataclass."""

from __future__ import annotations

import argparse
import dataclasses
import os
import pathlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from skerry_hub import addresses, started
from skerry_hub.addresses import AddressError, Addresses
from skerry_hub.broker_url import BrokerUrl, broker_at
from skerry_hub.database_url import DatabaseUrlError, database_of
from skerry_hub.patience import Patience
from skerry_hub.retention import REVISIONS_KEPT, Keep

if TYPE_CHECKING:
    from skerry_hub.work import Strategy

PREFIX = "SKERRY_HUB_"
DEFAULT_LISTEN = "127.0.0.1:8440"
DEFAULT_MQTT_PORT = 1883
DAY_S = 86_400.0

UNREACHABLE_WORDS = (
    "silence after which a node is unreachable; default: 60, or less where --lost-after is"
)

_WHOLE = re.compile("[0-9]{1,8}")
_PORT = re.compile("[0-9]{1,5}")


class ConfigError(Exception):
    """A setting is wrong; the text names it and says what it must be."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """`broker` is None where the hub starts one of its own."""

    data: pathlib.Path
    addresses: Addresses
    broker: BrokerUrl | None
    broker_folder: pathlib.Path | None = None
    """Where the files of a broker are written that `skerry-hub broker` runs."""
    database: str
    database_wait_s: int = 0
    patience: Patience
    keep: Keep
    strategy: Strategy = "spread"
    keep_revisions: int = REVISIONS_KEPT
    """Of each workload, the newest."""
    certificate_s: float = 90 * DAY_S
    """How long a certificate holds."""
    started: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """What the hub's commands are to know of its start."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `serve`; each has an environment variable too."""
    environment = os.environ

    def add(name: str, metavar: str, default: str | None, words: str) -> None:
        variable = PREFIX + name.upper().replace("-", "_")
        shown = "" if default is None else f" (default: {default})"
        parser.add_argument(
            f"--{name}",
            metavar=metavar,
            default=environment.get(variable, default),
            help=f"{words}{shown} [{variable}]",
        )

    add("data", "DIR", None, "folder for the order key, the database and the broker's files")
    add("listen", "HOST:PORT", DEFAULT_LISTEN, "where the HTTP API listens")
    add("broker", "URL", None, "an MQTT 5 broker, mqtt://host:port; default: one of its own")
    add("broker-ca", "FILE", None, "who vouches for --broker's certificate; default: the system")
    add(
        "broker-folder", "DIR", None, "where to write the files of `skerry-hub broker`, at --broker"
    )
    add("mqtt-port", "PORT", str(DEFAULT_MQTT_PORT), "loopback port of the hub's own broker")
    add("mqtt-listen", "HOST:PORT", None, "where that listens; with TLS, but on loopback")
    add("tls", "auto|yes|no", "auto", "TLS for the HTTP API; auto: on any address but loopback")
    add("auth", "tokens|off", "tokens", "whether the API asks for tokens; off: on loopback alone")
    add("name", "NAME,...", None, "how boxes and people reach the hub; default: this host's name")
    add("public-url", "URL", None, "the API as boxes and people reach it, where it is another")
    add("public-broker", "URL", None, "the broker as boxes reach it, where it is another")
    add(
        "certificate-days",
        "DAYS",
        "90",
        "how long certificates hold, of boxes and the hub's own; under an hour (0.0417) is for "
        "trials: all renew at two thirds of it",
    )
    add("database", "URL", None, "postgresql://user@host/name; default: SQLite in the data folder")
    add("database-password-file", "FILE", None, "a file with the password for --database")
    add("database-wait", "SECONDS", "0", "how long to wait at the start for a database server")
    add("unreachable-after", "SECONDS", None, UNREACHABLE_WORDS)
    add("lost-after", "SECONDS", "600", "silence after which a node is lost, and replaced")
    add("lost-after-new", "SECONDS", "210", "least such silence while a node is new")
    add("new-for", "SECONDS", "600", "how long a node is new: its link is not known")
    add("lost-after-adapts", "yes|no", "yes", "whether a link that pauses has more time")
    add("keep-decisions", "COUNT", "10000", "decisions that are kept, the newest")
    add("keep-decisions-days", "DAYS", "30", "how long they are kept")
    add("keep-decisions-mib", "MIB", "1024", "how much what they were made from may take")
    add("keep-revisions", "COUNT", str(REVISIONS_KEPT), "of a workload's history, the newest")
    add("strategy", "spread|pack", "spread", "where workloads go that do not say it themselves")


def checked(given: Mapping[str, str | None]) -> Config:
    """Return the settings. Raises ConfigError."""
    if not given["data"]:
        raise ConfigError("--data DIR is missing: the folder in which the hub keeps everything")
    data = pathlib.Path(given["data"]).resolve()
    try:
        host, port = addresses.host_and_port("--listen", given["listen"] or DEFAULT_LISTEN)
        mqtt_port = _port("--mqtt-port", given["mqtt_port"])
        broker = broker_at(given["broker"]) if given["broker"] else None
        reached = addresses.checked(_named(given, broker), host, port, mqtt_port)
    except AddressError as error:
        raise ConfigError(str(error)) from None
    except ValueError as error:
        raise ConfigError(f"--broker: {error}") from None
    try:
        database = database_of(given, data)
    except DatabaseUrlError as error:
        raise ConfigError(str(error)) from None
    patience = _patience(given)
    return Config(
        data=data,
        addresses=reached,
        broker=broker,
        broker_folder=_folder(given, broker),
        database=database,
        database_wait_s=_whole("--database-wait", given.get("database_wait") or "0", 0, 3600),
        patience=patience,
        strategy=_strategy(given["strategy"]),
        keep=Keep(
            most=_whole("--keep-decisions", given["keep_decisions"], 0, 10_000_000),
            days=_whole("--keep-decisions-days", given["keep_decisions_days"], 0, 36_500),
            most_bytes=2**20
            * _whole("--keep-decisions-mib", given["keep_decisions_mib"], 1, 1_000_000),
        ),
        started=started.facts_of(given),
        certificate_s=_days("--certificate-days", given.get("certificate_days") or "90"),
        keep_revisions=_whole(
            "--keep-revisions", given.get("keep_revisions") or str(REVISIONS_KEPT), 1, 10_000
        ),
    )


def _named(given: Mapping[str, str | None], broker: BrokerUrl | None) -> dict[str, str | None]:
    """Return the settings of addresses with what follows from `--broker`."""
    named = dict(given)
    if broker is not None and given.get("broker_folder"):
        if given.get("mqtt_listen"):
            named["public_broker"] = given.get("public_broker") or str(broker)
        else:
            named["mqtt_listen"] = f"0.0.0.0:{broker.port}"
    elif broker is not None:
        named["public_broker"] = given.get("public_broker") or str(broker)
    return named


def _folder(given: Mapping[str, str | None], broker: BrokerUrl | None) -> pathlib.Path | None:
    folder = given.get("broker_folder")
    if not folder:
        return None
    if broker is None or not broker.tls or broker.username is not None:
        raise ConfigError(
            "--broker-folder needs --broker mqtts://HOST:PORT, where the hub finds it"
        )
    if given.get("broker_ca"):
        raise ConfigError("--broker-ca: with --broker-folder it is the hub's own authority")
    return pathlib.Path(folder).resolve()


def _days(name: str, text: str) -> float:
    """Return days, or parts of one, in seconds. Raises ConfigError."""
    try:
        days = float(text)
    except ValueError:
        days = 0.0
    if not 0.0001 <= days <= 3650:
        raise ConfigError(f"{name}: {text[:80]!r} must be 0.0001 to 3650 days")
    return days * DAY_S


def _patience(given: Mapping[str, str | None]) -> Patience:
    lost_s = _seconds("--lost-after", given["lost_after"])
    quiet = given.get("unreachable_after")
    quiet_s = min(60.0, lost_s) if quiet is None else _seconds("--unreachable-after", quiet)
    if lost_s < quiet_s:
        raise ConfigError("--lost-after must not be less than --unreachable-after")
    return Patience(
        unreachable_s=quiet_s,
        lost_s=lost_s,
        floor_s=_seconds("--lost-after-new", given.get("lost_after_new") or "210"),
        new_for_s=_seconds("--new-for", given.get("new_for") or "600"),
        adapts=_yes("--lost-after-adapts", given.get("lost_after_adapts") or "yes"),
    )


def _yes(name: str, text: str) -> bool:
    if text not in ("yes", "no"):
        raise ConfigError(f"{name} {text[:80]!r} must be yes or no")
    return text == "yes"


def _whole(name: str, text: str | None, least: int, most: int) -> int:
    """Return a whole number within limits. Raises ConfigError."""
    if _WHOLE.fullmatch(text or "") is None or not least <= int(text or "") <= most:
        raise ConfigError(f"{name}: {(text or '')[:80]!r} must be {least} to {most}")
    return int(text or "")


def _strategy(text: str | None) -> Strategy:
    if text == "pack":
        return "pack"
    if text in (None, "spread"):
        return "spread"
    raise ConfigError(f"--strategy {text[:80]!r} must be spread or pack")


def _port(name: str, text: str | None) -> int:
    if text is None or _PORT.fullmatch(text) is None or not 1 <= int(text) <= 65_535:
        raise ConfigError(f"{name}: {(text or '')[:80]!r} is not a port, 1 to 65535")
    return int(text)


def _seconds(name: str, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        raise ConfigError(f"{name}: {text!r} is not a number of seconds") from None
    if not 1 <= value <= 10_000_000:
        raise ConfigError(f"{name} must be 1 to 10000000 seconds")
    return value
