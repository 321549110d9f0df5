"""Turns what podman and docker say into the kind of failure and words for an operator. Pure."""

from __future__ import annotations

import json
import re

from skerry_executor.runtimes.base import Failure, RuntimeFailure

MAX_WORDS = 300
END_WORDS = 100

_GRPC_NOT_FOUND, _GRPC_EXISTS, _GRPC_UNAVAILABLE = 5, 6, 14

_PORT = re.compile(r":([0-9]{1,5})[:/\s]")
_DEVICE = re.compile(r'(/dev/[^\s:"\\]+)')
_PORT_SIGNS = ("address already in use", "port is already allocated", "ports are not available")
_DISK_SIGNS = ("no space left on device", "disk quota exceeded")
_NAME_SIGNS = ("is already in use by", "name is already in use")
_JOINED_SIGN = "has dependent containers"
_AWAY_SIGNS = (
    "connection refused",
    "no such host",
    "i/o timeout",
    "timeout exceeded",
    "handshake timeout",
    "network is unreachable",
    "no route to host",
    "server misbehaving",
    "connection reset",
    "eof",
)
_OTHER_PLATFORM_SIGNS = (
    "no matching manifest for",
    "no image found in manifest list",
    "no image found in image index",
    "no match for platform in manifest",
)
_PLATFORM = re.compile(
    r"""(?:for linux/|architecture "?)([a-z0-9_]+)"?(?:/|, variant ")?(v[0-9]+)?"""
)
_CDI_SIGNS = ("unresolvable cdi device", "cdi device injection failed", 'device driver "cdi"')
_NO_DRIVER_SIGN = "could not select device driver"
_DAMAGED_SIGNS = (
    "getting graph driver info",
    "rwlayer of container",
    "is returning inconsistent paths",
    "failed to stat parent",
    "layer not known",
)
_STORE = re.compile(
    r"/overlay2?(/|:)|/overlay-containers/|/io\.containerd\.snapshotter\.v1\.[a-z0-9]+/snapshots/"
)
"""Where the runtimes keep layers and containers, as they name it when something is wrong there."""
_MISSING_SIGNS = (
    "no such file or directory",
    "not a directory",
    "invalid argument",
    "structure needs cleaning",
    "bad message",
    "stale file handle",
)
_OCI_PROGRAM = re.compile(r"\b(runc|crun|oci)\b")
"""It names the store too where a mount or a program that was asked for is not there."""
_UNKNOWN_IMAGE_SIGN = "image not known"
_OTHER_PROGRAM_SIGN = "exec format error"
_DENIED_SIGNS = (
    "unauthorized",
    "authentication required",
    "no basic auth credentials",
    "denied",
    "forbidden",
)
_NO_CRI_SIGN = "unknown service runtime.v1."
_NO_CRI = (
    "the runtime does not serve version 1 of the CRI: `disabled_plugins` in "
    "/etc/containerd/config.toml names it, or containerd is older than 1.6"
)
_NEWER_SIGN = re.compile(r"minimum supported api version is ([0-9.]+)")
_UNKNOWN_SIGNS = ("manifest unknown", "name unknown", "not found", "does not exist")


def from_answer(doing: str, status: int, body: bytes) -> RuntimeFailure:
    """Return the failure that an answer with an error status means."""
    said = message_of(body) or f"status {status}"
    return RuntimeFailure(_kind(status, said.lower()), _words(doing, said))


def from_pull(image: str, registry: str, said: str, user: str | None = None) -> RuntimeFailure:
    """Return the failure that the message of a pull that did not succeed means.

    `user` is who the pull was done as, None where it was without credentials.
    """
    low = said.lower()
    if any(sign in low for sign in _DISK_SIGNS):
        return RuntimeFailure(Failure.DISK_FULL, _words(f"the disk is full: pulling {image}", said))
    if any(sign in low for sign in _OTHER_PLATFORM_SIGNS):
        why = f"image {image} has no {_platform(low)}, which this box is"
    elif any(sign in low for sign in _UNKNOWN_SIGNS) and not any(s in low for s in _DENIED_SIGNS):
        why = f"image {image} is not in its registry"
    elif any(sign in low for sign in _DENIED_SIGNS):
        whom = "without credentials" if user is None else f"to user {user}"
        why = f"registry {registry} denies image {image} {whom}, or does not have it"
    elif any(sign in low for sign in _AWAY_SIGNS):
        why = f"registry {registry} cannot be reached for image {image}"
    else:
        why = f"image {image} cannot be pulled"
    return RuntimeFailure(Failure.PULL, _words(why, said))


def _platform(said: str) -> str:
    """Return the platform that an image lacks, as images name them: `linux/arm/v7`."""
    found = _PLATFORM.search(said)
    if found is None:
        return "variant for the architecture"
    variant = found[2] if found[1] == "arm" else None
    return f"linux/{found[1]}" + (f"/{variant}" if variant else "")


def message_of(body: bytes) -> str:
    """Return the runtime's own message, on one line; "" when there is none."""
    try:
        plain = json.loads(body)
    except ValueError:
        plain = None
    said = plain.get("message") if isinstance(plain, dict) else None
    text = said if isinstance(said, str) else body[:MAX_WORDS].decode(errors="replace")
    return " ".join(text.split())


def _kind(status: int, said: str) -> Failure:
    if any(sign in said for sign in _PORT_SIGNS):
        return Failure.PORT_IN_USE
    if any(sign in said for sign in _DISK_SIGNS):
        return Failure.DISK_FULL
    if any(sign in said for sign in _NAME_SIGNS):
        return Failure.NAME_TAKEN
    if _JOINED_SIGN in said:
        return Failure.JOINED
    if "/dev/" in said and "no such file or directory" in said:
        return Failure.NO_DEVICE
    if _NO_DRIVER_SIGN in said or any(sign in said for sign in _CDI_SIGNS):
        return Failure.NO_DEVICE
    if _is_damaged(said):
        return Failure.DAMAGED
    unknown = status == 404 or _UNKNOWN_IMAGE_SIGN in said
    return Failure.NOT_FOUND if unknown else Failure.OTHER


def _is_damaged(said: str) -> bool:
    """Say whether what the runtime has stored is not as it stored it, as after a power cut."""
    if any(sign in said for sign in _DAMAGED_SIGNS):
        return True
    if _STORE.search(said) is None or _OCI_PROGRAM.search(said) is not None:
        return False
    return any(sign in said for sign in _MISSING_SIGNS)


def _words(doing: str, said: str) -> str:
    low = said.lower()
    if any(sign in low for sign in _PORT_SIGNS):
        port = _PORT.search(said)
        number = f" {port[1]}" if port else ""
        doing = f"port{number} is already in use on this box"
    elif any(sign in low for sign in _DISK_SIGNS):
        doing = f"the disk is full: {doing}"
    elif any(sign in low for sign in _CDI_SIGNS):
        doing = f"no CDI specification that the runtime reads has such a device: {doing}"
    elif _NO_CRI_SIGN in low:
        doing = f"{_NO_CRI}: {doing}"
    elif newer := _NEWER_SIGN.search(low):
        doing = (
            f"this docker wants API {newer[1]} or later; install a newer skerry-executor: {doing}"
        )
    elif _NO_DRIVER_SIGN in low:
        doing = f"the runtime has no driver for such a device on this box: {doing}"
    elif _is_damaged(low):
        doing = f"the runtime's store is damaged: {doing}"
    elif _OTHER_PROGRAM_SIGN in low:
        doing = f"the image's program is for another architecture than this box's: {doing}"
    elif "/dev/" in low and "no such file or directory" in low:
        device = _DEVICE.search(said)
        doing = f"there is no device {device[1] if device else ''} on this box".replace("  ", " ")
    if len(said) > MAX_WORDS:
        # What is wrong stands at the end, behind all that was to be done.
        said = f"{said[: MAX_WORDS - END_WORDS - 5]} ... {said[-END_WORDS:]}"
    return f"{doing}: {said}"


def from_grpc(doing: str, status: int, said: str) -> RuntimeFailure:
    """Return the failure that an answer of a gRPC server with a status other than 0 means."""
    if status == _GRPC_NOT_FOUND:
        return RuntimeFailure(Failure.NOT_FOUND, _words(doing, said))
    if status == _GRPC_EXISTS:
        return RuntimeFailure(Failure.NAME_TAKEN, _words(doing, said))
    kind = Failure.UNREACHABLE if status == _GRPC_UNAVAILABLE else _kind(0, said.lower())
    return RuntimeFailure(kind, _words(doing, said or f"status {status}"))


def unreachable(path: str, error: Exception) -> RuntimeFailure:
    """Return the failure that a socket which does not answer means."""
    kind = Failure.UNREACHABLE
    if isinstance(error, FileNotFoundError):
        why = "there is no such socket; is the runtime installed and its service started?"
    elif isinstance(error, ConnectionRefusedError):
        why = "nothing listens there; start its socket (podman.socket, docker.socket) or service"
    elif isinstance(error, TimeoutError | BlockingIOError):
        kind, why = Failure.TIMED_OUT, "it does not answer in time"
    elif isinstance(error, OSError):
        why = f"{type(error).__name__} {error}"
    else:
        why = str(error)
    return RuntimeFailure(kind, f"the runtime at {path} cannot be reached: {why}")


def from_start(name: str, said: str) -> RuntimeFailure:
    """Return the failure that the message of a container that could not start means."""
    return RuntimeFailure(_kind(0, said.lower()), _words(f"starting {name}", said))
