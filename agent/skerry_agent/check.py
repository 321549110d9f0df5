"""Looks at everything that the agent needs, and says of each whether it works. Changes nothing."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import pathlib
import socket
import tempfile
from collections.abc import Iterator

from skerry_agent import joining_check, tls
from skerry_agent.broker import Broker
from skerry_agent.config import Config, of_ignored
from skerry_agent.joining_check import Finding

REACH_S = 3.0
LIBRARIES = (
    ("paho-mqtt", "paho.mqtt.client"),
    ("psutil", "psutil"),
    ("py-cpuinfo", "cpuinfo"),
    ("pyudev", "pyudev"),
    ("msgpack", "msgpack"),
    ("tenacity", "tenacity"),
    ("cryptography", "cryptography.x509"),
)
"""Every library of the agent: how it is packaged, and what of it is imported."""


def findings(config: Config, file: pathlib.Path) -> Iterator[Finding]:
    """Yield what is found, each as soon as it is known."""
    there = f"{file} read" if file.exists() else f"no {file}: defaults and environment alone"
    yield Finding(True, "config", there)
    if config.ignored_labels:
        yield Finding(False, "labels", of_ignored(config.ignored_labels))
    for name, module in LIBRARIES:
        yield _library(name, module)
    yield _state(config.state)
    yield from joining_check.findings(config)
    if config.broker is not None:
        yield from _broker(config.broker)
    yield _executor(config.executor)
    yield _udev()


def _library(name: str, module: str) -> Finding:
    try:
        importlib.import_module(module)
    except Exception as error:  # noqa: BLE001 - a broken library raises what it likes
        return Finding(False, name, f"cannot be imported: {type(error).__name__}: {error}")
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        version = "of unknown version"
    return Finding(True, name, version)


def _state(folder: pathlib.Path) -> Finding:
    if not folder.exists():
        above = next(parent for parent in folder.absolute().parents if parent.exists())
        if above.is_dir() and os.access(above, os.W_OK | os.X_OK):
            return Finding(True, "state", f"{folder} is not there yet and can be made")
        return Finding(False, "state", f"{folder} is not there and cannot be made in {above}")
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
            file.flush()
    except OSError as error:
        return Finding(False, "state", f"{folder} cannot be written to: {error.strerror}")
    return Finding(True, "state", f"{folder} can be written to")


def _broker(broker: Broker) -> Iterator[Finding]:
    try:
        found = socket.getaddrinfo(broker.host, broker.port, type=socket.SOCK_STREAM)
    except OSError as error:
        yield Finding(False, "broker", f"{broker}: the name cannot be resolved: {error.strerror}")
        return
    addresses = sorted({str(address[0]) for *_, address in found})
    yield Finding(True, "broker", f"{broker} is {', '.join(addresses)}")
    try:
        socket.create_connection((broker.host, broker.port), timeout=REACH_S).close()
    except TimeoutError:
        yield Finding(False, "broker", f"does not accept a connection within {REACH_S:g} s")
        return
    except OSError as error:
        yield Finding(False, "broker", f"does not accept a connection: {error.strerror or error}")
        return
    yield Finding(True, "broker", "accepts a connection")
    from skerry_agent import mqtt  # noqa: PLC0415 - only once there is somebody to talk to

    if broker.tls and broker.certificate is not None:
        # Its name is the client's at a broker of Skerry's: MQTT would end the agent's own session.
        problem = tls.shake_hands(broker, REACH_S)
        yield Finding(problem is None, "broker", problem or "takes this box's certificate")
        return
    problem = mqtt.greet(broker, f"skerry-check-{os.getpid()}", REACH_S)
    yield Finding(problem is None, "broker", problem or "speaks MQTT 5")


def _executor(path: str) -> Finding:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(REACH_S)
        try:
            connection.connect(path)
        except FileNotFoundError:
            words = f"no socket at {path}; is skerry-executor.socket started?"
        except PermissionError:
            words = f"{path} may not be opened by this user; is it in the socket's group?"
        except OSError as error:
            words = f"{path}: {error.strerror or error}"
        else:
            return Finding(True, "executor", f"{path} accepts a connection")
    return Finding(False, "executor", words)


def _udev() -> Finding:
    from skerry_agent.hotplug import UDEV_CONTROL, UdevAnnouncer  # noqa: PLC0415

    try:
        UdevAnnouncer().close()
    except Exception as error:  # noqa: BLE001 - ctypes raises what it likes without libudev
        return Finding(False, "udev", f"no announcements of devices: {error}")
    source = "udev" if os.path.exists(UDEV_CONTROL) else "the kernel (udev does not run)"
    return Finding(True, "udev", f"devices are announced by {source}")
