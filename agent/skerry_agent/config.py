"""The agent's settings: defaults, then the file, then the environment, then the command line."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

from skerry_agent import joined
from skerry_agent.broker import Broker, Told, broker_at, broker_of
from skerry_agent.joined import Joined, JoinedError
from skerry_wire.frozen import frozen
from skerry_wire.labels import derived
from skerry_wire.types import LABEL

DEFAULT_FILE = pathlib.Path("/etc/skerry/agent.toml")
MOST_BYTES = 256 * 1024
MOST_LABELS = 256
SLOW_CACHE = "cpuinfo.json"
"""File in the state folder that keeps what a slow look found."""


class ConfigError(Exception):
    """A setting cannot be used; the text names it, where it is from, and what it should be."""

    def __init__(self, text: str, *, setting: str = "") -> None:
        """`setting` is which one, where the text does not say yet where it is from."""
        super().__init__(text)
        self.setting = setting


@frozen(kw_only=True)
class Config:
    """Everything that an administrator can set."""

    broker: Broker | None = None
    """By the settings, or as a join told; None: nobody has said where it is."""
    told_broker: Told = Told()
    """What the settings alone say of it."""
    joined: Joined | None = None
    joined_problem: str | None = None
    """Why it cannot be read whether this box has joined a hub."""
    node: str | None = None
    state: pathlib.Path = pathlib.Path("/var/lib/skerry-agent")
    executor: str = "/run/skerry/executor.sock"
    control: str = "/run/skerry-agent/control.sock"
    runtime_socket: str | None = None
    heartbeat_s: float = 15.0
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    ignored_labels: tuple[str, ...] = ()
    """Keys of the file's labels that do not hold: the box itself says what stands under them."""
    round_trips: bool = True
    """Whether round-trip times are measured."""
    round_trip_networks: tuple[str, ...] = ()
    """The only networks to which; none: all but the box itself, its link and groups."""
    round_trip_address: str | None = None
    """Where others may measure the way to this box: `host:port`."""
    root: pathlib.Path = pathlib.Path("/")
    file: pathlib.Path | None = dataclasses.field(default=None, compare=False)
    """Where they come from when named; None: the default file, which may be missing."""


_TEXT = {
    "broker": "",
    "broker_ca": "",
    "broker_certificate": "",
    "broker_key": "",
    "node_id": "",
    "state": "/var/lib/skerry-agent",
    "executor": "/run/skerry/executor.sock",
    "control": "/run/skerry-agent/control.sock",
    "runtime_socket": "",
    "round_trip_networks": "",
    "round_trip_address": "",
}
"""Every setting that is a text, with its default."""

_FILES = ("broker_ca", "broker_certificate", "broker_key")
CREDENTIAL = "credential:"
CREDENTIALS = "/run/credentials/skerry-agent.service"
"""Where systemd puts the credentials of the agent's unit, which tells its processes alone."""

_KNOWN = {*_TEXT, "heartbeat_s", "round_trips", "labels"}


def load(
    path: pathlib.Path | None, environment: Mapping[str, str], options: Mapping[str, str | None]
) -> Config:
    """Return the settings. Raises ConfigError.

    A file that is named must be there; the default one may be missing. `options` are the command
    line's: None where an option was not given. In the environment, a setting is called
    SKERRY_AGENT_ and its name in capitals.
    """
    values: dict[str, Any] = {**_TEXT, "heartbeat_s": 15.0, "round_trips": True, "labels": {}}
    values.update(_read(path or DEFAULT_FILE, required=path is not None))
    for name in _KNOWN - {"labels"}:
        given = environment.get(f"SKERRY_AGENT_{name.upper()}")
        if given is not None:
            values[name] = given
    values.update({name: value for name, value in options.items() if value is not None})
    try:
        for name in _FILES:
            values[name] = _file(name, values[name], environment)
        return dataclasses.replace(_checked(values), file=path)
    except ConfigError as error:
        where = _given_by(error.setting, path, environment, options)
        raise ConfigError(f"{where}: {error}") from None


def _given_by(
    setting: str,
    path: pathlib.Path | None,
    environment: Mapping[str, str],
    options: Mapping[str, str | None],
) -> str:
    """Return where a setting is from, for who has to put it right."""
    variable = f"SKERRY_AGENT_{setting.upper()}"
    if options.get(setting) is not None:
        return f"--{setting.replace('_', '-')}"
    if variable in environment and setting != "labels":
        return variable
    return str(path or DEFAULT_FILE)


def _file(name: str, value: Any, environment: Mapping[str, str]) -> Any:
    """Return a file's path; of a credential, where systemd has put it. Raises ConfigError."""
    if not isinstance(value, str) or not value.startswith(CREDENTIAL):
        return value
    credential = value.removeprefix(CREDENTIAL)
    if not credential or "/" in credential or credential in (".", ".."):
        raise ConfigError(
            f"{name}: {value!r} must be {CREDENTIAL} and the name of a credential", setting=name
        )
    return f"{environment.get('CREDENTIALS_DIRECTORY', CREDENTIALS)}/{credential}"


def read_labels(config: Config) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the labels that the file holds now, and keys that are ignored. Raises ConfigError."""
    values = _read(config.file or DEFAULT_FILE, required=config.file is not None)
    try:
        return _labels(values.get("labels", {}))
    except ConfigError as error:
        raise ConfigError(f"{config.file or DEFAULT_FILE}: {error}") from None


def of_ignored(keys: Sequence[str]) -> str:
    """Return in words that labels of the file are ignored, and why."""
    return f"ignored in [labels]: {'; '.join(filter(None, map(derived, keys)))}"


def _read(path: pathlib.Path, *, required: bool) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        if required:
            raise ConfigError(f"{path}: no such file") from None
        return {}
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    if len(data) > MOST_BYTES:
        raise ConfigError(f"{path}: more than {MOST_BYTES} bytes")
    import tomllib  # noqa: PLC0415 - many boxes have no file

    try:
        values = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    unknown = sorted(values.keys() - _KNOWN)
    if unknown:
        raise ConfigError(
            f"{path}: there is no setting {unknown[0]!r}; known are {', '.join(sorted(_KNOWN))}"
        )
    return values


def _checked(values: Mapping[str, Any]) -> Config:
    texts = {name: values[name] for name in _TEXT}
    for name, value in texts.items():
        if not isinstance(value, str):
            raise ConfigError(f"{name} must be a text in quotes", setting=name)
    node = texts["node_id"] or None
    if node is not None and re.fullmatch(LABEL, node) is None:
        raise ConfigError(
            f"node_id {node!r} must be 1 to 63 of a-z, 0-9 and -, no - at either end",
            setting="node_id",
        )
    try:
        broker = broker_at(texts["broker"]) if texts["broker"] else None
    except ValueError as error:
        raise ConfigError(f"broker: {error}", setting="broker") from None
    told = Told(
        broker=broker,
        ca=texts["broker_ca"] or None,
        certificate=texts["broker_certificate"] or None,
        key=texts["broker_key"] or None,
    )
    labels, ignored = _labels(values["labels"])
    config = Config(
        told_broker=told,
        node=node,
        state=pathlib.Path(texts["state"]),
        executor=texts["executor"],
        control=texts["control"],
        runtime_socket=texts["runtime_socket"] or None,
        heartbeat_s=_heartbeat(values["heartbeat_s"]),
        round_trips=_is_on("round_trips", values["round_trips"]),
        round_trip_networks=_networks(texts["round_trip_networks"]),
        round_trip_address=_address(texts["round_trip_address"]),
        labels=labels,
        ignored_labels=ignored,
    )
    return with_joined(config)


def with_joined(config: Config) -> Config:
    """Return the settings with what the state folder says now of having joined a hub."""
    found, problem = None, None
    try:
        found = joined.read(config.state)
        broker = broker_of(config.told_broker, config.state, found)
    except (JoinedError, ValueError) as error:
        problem = str(error)
        broker = broker_of(config.told_broker, config.state, None)
    return dataclasses.replace(config, broker=broker, joined=found, joined_problem=problem)


def _heartbeat(value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        raise ConfigError(
            f"heartbeat_s must be a number of seconds, not {value!r}", setting="heartbeat_s"
        ) from None
    if not 1 <= seconds <= 3600:
        raise ConfigError(f"heartbeat_s must be 1 to 3600, not {value}", setting="heartbeat_s")
    return seconds


def _is_on(name: str, value: Any) -> bool:
    # The environment knows texts only.
    known = {True: True, False: False, "true": True, "false": False}
    if not isinstance(value, bool | str) or value not in known:
        raise ConfigError(f"{name} must be true or false, not {value!r}", setting=name)
    return known[value]


def _networks(text: str) -> tuple[str, ...]:
    networks = tuple(text.replace(",", " ").split())
    if not networks:
        return ()
    import ipaddress  # noqa: PLC0415 - most boxes name none

    for network in networks:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            raise ConfigError(
                f"round_trip_networks: {error}", setting="round_trip_networks"
            ) from None
    return networks


def _address(text: str) -> str | None:
    if not text:
        return None
    try:
        parts = urllib.parse.urlsplit(f"//{text}")
        fine = bool(parts.hostname and parts.port) and parts.netloc == text and "@" not in text
    except ValueError:
        fine = False
    if not fine or len(text) > 260:
        raise ConfigError(
            f"round_trip_address must be host:port, not {text[:80]!r}",
            setting="round_trip_address",
        )
    return text


def _labels(value: Any) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the labels that hold, and the keys of those that do not.

    Those are no error: earlier versions took them, and an upgrade must not stop an agent.
    """
    if not isinstance(value, dict):
        raise ConfigError("labels must be a table: [labels]", setting="labels")
    for name, text in value.items():
        if not isinstance(text, str) or len(text) > 256 or not 0 < len(name) <= 253:
            raise ConfigError(
                f"label {name!r} must be a text in quotes of at most 256 characters",
                setting="labels",
            )
    if len(value) > MOST_LABELS:
        raise ConfigError(
            f"labels must be at most {MOST_LABELS}, not {len(value)}", setting="labels"
        )
    ignored = tuple(sorted(key for key in value if derived(key)))
    return {key: text for key, text in value.items() if key not in ignored}, ignored


def from_process(path: pathlib.Path | None, options: Mapping[str, str | None]) -> Config:
    """Return the settings of this process."""
    return load(path, os.environ, options)
