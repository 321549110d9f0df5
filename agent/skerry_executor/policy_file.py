"""Reads the box's policy file (TOML). Whatever is unknown or mistyped in it is an error by name."""

from __future__ import annotations

import pathlib
import re
import tomllib
from collections.abc import Mapping
from typing import Any, Literal

from skerry_executor.windows import parse_window
from skerry_wire.box_policy import (
    AllowedRequests,
    Approvals,
    BoxPolicy,
    PortRange,
    Updates,
    is_cdi_pattern,
    is_plain_path,
    plain_capability,
)
from skerry_wire.images import ImageError, ImagePattern, parse_pattern

MAX_POLICY_BYTES = 256 * 1024
MAX_WINDOWS = 32
_TABLE = re.compile(r"\s*\[\s*([^\]\s]+)\s*\]")
_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?(?:/(tcp|udp))?")
_SIZE = re.compile(r"([0-9]+)\s*(B|KiB|MiB|GiB|TiB)")
_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_PROTOCOLS: Mapping[str, Literal["tcp", "udp"]] = {"tcp": "tcp", "udp": "udp"}
_KEYS = {
    "images": ("allow", "require_digest", "keep_days", "free_percent"),
    "privileges": ("privileged", "host_network", "host_pid", "host_ipc", "capabilities"),
    "mounts": ("bind", "bind_read_only", "volumes"),
    "devices": ("allow",),
    "ports": ("allow",),
    "limits": ("cpu_milli", "memory"),
    "requests": ("logs", "restart", "top", "exec"),
    "updates": ("windows", "time", "new", "disk_reserve"),
    "approval": ("required",),
}


class PolicyError(Exception):
    """The policy file cannot be used; names the key and says why."""

    def __init__(self, reason: str, key: str = "") -> None:
        """`key` is written like images.allow; empty when it is not about one."""
        super().__init__(reason)
        self.key = key


def read_policy(path: pathlib.Path) -> BoxPolicy | None:
    """Return the box's policy; None when there is no file. Raises PolicyError."""
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_POLICY_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PolicyError(f"{path} cannot be read: {error.strerror}") from None
    try:
        return parse_policy(content)
    except PolicyError as error:
        line = _line_of(content, error.key)
        where = str(path) if line is None else f"{path}:{line}"
        raise PolicyError(f"{where}: {error}", error.key) from None


def _line_of(content: bytes, key: str) -> int | None:
    """Return the line of a key such as `images.allow`, else of its table; None when not found."""
    section, _, name = key.partition(".")
    table, found = "", None
    for number, line in enumerate(content.decode(errors="replace").splitlines(), start=1):
        match = _TABLE.match(line)
        left = line.partition("=")[0].strip()
        if match is not None:
            table = match[1]
            found = number if table == section else found
        elif (table == section and left == name) or (not table and left in (section, key)):
            return number
    return found


def parse_policy(content: bytes) -> BoxPolicy:
    """Return the policy that a file's content says. Raises PolicyError."""
    if len(content) > MAX_POLICY_BYTES:
        raise PolicyError(f"is larger than {MAX_POLICY_BYTES} bytes")
    try:
        plain = tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PolicyError(f"is not TOML: {error}") from None
    _check_keys(plain)
    images = _texts(plain, "images", "allow")
    default = BoxPolicy()
    return BoxPolicy(
        images=tuple(_image(text) for text in images if text != "*"),
        any_image="*" in images,
        require_digest=_flag(plain, "images", "require_digest", default.require_digest),
        privileged=_flag(plain, "privileges", "privileged", default.privileged),
        host_network=_flag(plain, "privileges", "host_network", default.host_network),
        host_pid=_flag(plain, "privileges", "host_pid", default.host_pid),
        host_ipc=_flag(plain, "privileges", "host_ipc", default.host_ipc),
        capabilities=tuple(
            plain_capability(name) for name in _texts(plain, "privileges", "capabilities")
        ),
        bind=_paths(plain, "mounts", "bind"),
        bind_read_only=_paths(plain, "mounts", "bind_read_only"),
        volumes=_flag(plain, "mounts", "volumes", default.volumes),
        devices=_devices(plain),
        ports=_ports(plain, default.ports),
        cpu_milli=_whole(plain, "limits", "cpu_milli"),
        memory_bytes=_memory(plain),
        requests=AllowedRequests(
            logs=_flag(plain, "requests", "logs", default.requests.logs),
            restart=_flag(plain, "requests", "restart", default.requests.restart),
            top=_flag(plain, "requests", "top", default.requests.top),
            exec=_flag(plain, "requests", "exec", default.requests.exec),
        ),
        updates=_updates(plain),
        approval=Approvals(
            required=_flag(plain, "approval", "required", default.approval.required)
        ),
        image_keep_days=_within(plain, "images", "keep_days", 3650, default.image_keep_days),
        image_free_percent=_within(plain, "images", "free_percent", 90, 0),
    )


def _check_keys(plain: Mapping[str, Any]) -> None:
    for section, content in plain.items():
        if section not in _KEYS:
            raise PolicyError(f"[{section}] is unknown; there are {', '.join(_KEYS)}", section)
        if not isinstance(content, dict):
            raise PolicyError(f"{section} must be a table: write [{section}]", section)
        for key in content:
            if key not in _KEYS[section]:
                known = ", ".join(_KEYS[section])
                where = f"{section}.{key}"
                raise PolicyError(f"{where} is unknown; there are {known}", where)


def _wrong(section: str, key: str, reason: str) -> PolicyError:
    return PolicyError(f"{section}.{key}: {reason}", f"{section}.{key}")


def _found(plain: Mapping[str, Any], section: str, key: str) -> Any:
    return plain.get(section, {}).get(key)


def _flag(plain: Mapping[str, Any], section: str, key: str, default: bool) -> bool:
    value = _found(plain, section, key)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise _wrong(section, key, "must be true or false")
    return value


def _texts(plain: Mapping[str, Any], section: str, key: str) -> tuple[str, ...]:
    value = _found(plain, section, key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise _wrong(section, key, "must be a list of texts")
    return tuple(value)


def _paths(plain: Mapping[str, Any], section: str, key: str) -> tuple[str, ...]:
    paths = _texts(plain, section, key)
    for path in paths:
        if not is_plain_path(path):
            why = 'is not an absolute path without .. and without any of , : " \\'
            raise _wrong(section, key, f"{path!r} {why}")
    return paths


def _devices(plain: Mapping[str, Any]) -> tuple[str, ...]:
    given = _texts(plain, "devices", "allow")
    for text in given:
        if not is_plain_path(text) and not is_cdi_pattern(text):
            why = (
                'is neither an absolute path without .. and without any of , : " \\ nor a CDI name '
                "such as nvidia.com/gpu=*"
            )
            raise _wrong("devices", "allow", f"{text!r} {why}")
    return given


def _image(text: str) -> ImagePattern:
    try:
        return parse_pattern(text)
    except ImageError as error:
        raise _wrong("images", "allow", str(error)) from None


def _ports(plain: Mapping[str, Any], default: tuple[PortRange, ...]) -> tuple[PortRange, ...]:
    if _found(plain, "ports", "allow") is None:
        return default
    ranges = []
    for text in _texts(plain, "ports", "allow"):
        match = _PORTS.fullmatch(text)
        first = int(match[1]) if match else 0
        last = int(match[2] or match[1]) if match else 0
        if match is None or not 1 <= first <= last <= 65535:
            raise _wrong("ports", "allow", f"{text!r} is not like 80, 8000-8999 or 53/udp")
        ranges.append(PortRange(first=first, last=last, protocol=_PROTOCOLS.get(match[3])))
    return tuple(ranges)


def _whole(plain: Mapping[str, Any], section: str, key: str) -> int | None:
    value = _found(plain, section, key)
    if value is not None and (type(value) is not int or value < 0):
        raise _wrong(section, key, "must be a whole number, 0 or more")
    return value


def _within(plain: Mapping[str, Any], section: str, key: str, most: int, default: int) -> int:
    value = _whole(plain, section, key)
    if value is not None and value > most:
        raise _wrong(section, key, f"must be {most} at most")
    return default if value is None else value


def _memory(plain: Mapping[str, Any]) -> int | None:
    return _size(plain, "limits", "memory")


def _size(plain: Mapping[str, Any], section: str, key: str) -> int | None:
    value = _found(plain, section, key)
    if value is None:
        return None
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise _wrong(section, key, 'must be a text like "512 MiB" or "2GiB"')
    return int(match[1]) * _UNITS[match[2]]


def _updates(plain: Mapping[str, Any]) -> Updates:
    default = Updates()
    windows = _texts(plain, "updates", "windows")
    try:
        for text in windows:
            parse_window(text)
    except ValueError as error:
        raise _wrong("updates", "windows", str(error)) from None
    reserve = _size(plain, "updates", "disk_reserve")
    if len(windows) > MAX_WINDOWS:
        raise _wrong("updates", "windows", f"are more than {MAX_WINDOWS}")
    time, new = (_found(plain, "updates", key) for key in ("time", "new"))
    if time not in (None, "utc", "local"):
        raise _wrong("updates", "time", 'must be "utc" or "local"')
    if new not in (None, "allow", "hold"):
        raise _wrong("updates", "new", 'must be "allow" or "hold"')
    return Updates(
        windows=windows,
        time="local" if time == "local" else default.time,
        new="hold" if new == "hold" else default.new,
        disk_reserve_bytes=default.disk_reserve_bytes if reserve is None else reserve,
    )
