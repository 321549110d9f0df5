"""What was asked for of one container, as names and values. Pure.

Values of variables and contents of files may be secret: their names are shown, and how large.
"""

from __future__ import annotations

from collections.abc import Iterator

from skerry_cli import words
from skerry_cli.content_records import BusDevice, Container, File, HealthCheck, Port
from skerry_cli.kinds import label_list

Fact = tuple[str, str]
_ASKED_FOR = ("read_only", "init", "privileged")
_HOW_RUN = ("read-only root", "init as process 1", "privileged")


def container_facts(one: Container) -> Iterator[Fact]:
    """Yield everything but what is left to the image or the runtime."""
    yield "Image", one.image
    yield "Pull", one.pull
    yield from _process(one)
    yield from _inside(one)
    yield from _named("Port", map(_port, one.ports))
    yield from _named("Device", _devices(one))
    yield from _named("Starts", (f"when {a.container} is {a.condition}" for a in one.after))
    if one.health is not None:
        yield "Health check", health_text(one.health)
    tries = f", {words.count(one.restart_retries, 'time')} at most" if one.restart_retries else ""
    yield "Restart", one.restart + tries
    signal = f"{one.stop_signal}, " if one.stop_signal else ""
    yield "Stop", f"{signal}killed after {words.exactly(one.stop_grace_s)}"
    limits = [*_limits(one)]
    if limits:
        yield "Limits", ", ".join(limits)
    if one.log is not None:
        files = words.count(one.log.files, "file")
        yield "Log", f"{files} of {words.size(one.log.max_bytes)}"


def _process(one: Container) -> Iterator[Fact]:
    if one.entrypoint:
        yield "Entrypoint", " ".join(one.entrypoint)
    if one.command:
        yield "Command", " ".join(one.command)
    if one.working_dir:
        yield "Folder", one.working_dir
    if one.user:
        yield "User", one.user
    how = [word for key, word in zip(_ASKED_FOR, _HOW_RUN, strict=True) if getattr(one, key)]
    how += [
        f"{key} {getattr(one, key)}" for key in ("pid", "ipc") if getattr(one, key) != "private"
    ]
    if how:
        yield "Runs", ", ".join(how)
    if one.cap_add or one.cap_drop:
        changes = [*(f"+{name}" for name in one.cap_add), *(f"-{name}" for name in one.cap_drop)]
        yield "Capabilities", ", ".join(changes)
    if one.network != "bridge":
        yield "Network", one.network


def _inside(one: Container) -> Iterator[Fact]:
    if one.environment:
        yield "Environment", ", ".join(sorted(one.environment))
    for name, secret in sorted(one.secret_environment.items()):
        yield "Secret", f"{secret.name} as the variable {name}"
    for file in one.files:
        yield ("Secret" if file.secret else "Config"), _file(file)
    for mount in one.mounts:
        mode = ", read-only" if mount.read_only else ""
        source = f" {mount.source}" if mount.source else ""
        yield "Mount", f"{mount.kind}{source} at {mount.target}{mode}"
    if one.labels:
        yield "Labels", label_list(one.labels)


def _file(file: File) -> str:
    size = len(file.content) * 3 // 4 - file.content[-2:].count("=")
    what = file.secret.name if file.secret else words.size(max(0, size))
    owner = f", owner {file.uid}:{file.gid}" if file.uid or file.gid else ""
    return f"{what} at {file.path}, mode {file.mode:04o}{owner}"


def _port(port: Port) -> str:
    host = f"[{port.host_ip}]" if ":" in port.host_ip else port.host_ip
    where = f"{host}:{port.host}" if host else str(port.host)
    return f"{where} to {port.container}/{port.protocol}"


def _devices(one: Container) -> Iterator[str]:
    for device in one.devices:
        more = f", {device.permissions}" if device.permissions != "rwm" else ""
        yield f"{device.host} at {device.container}{more}"
    yield from map(_bus_device, one.bus_devices)
    yield from one.cdi_devices


def _bus_device(one: BusDevice) -> str:
    place = f"{one.bus} {one.address}"
    found = f"{one.subsystem} {one.number} of {place}" if one.subsystem else place
    ids = ":".join(filter(None, (one.vendor, one.product)))
    return found + (f" ({ids})" if ids else "")


def health_text(check: HealthCheck) -> str:
    """Return what a health check asks, and how often: `tcp port 80, every 10 s, ...`."""
    if check.http is not None:
        asks = f"GET {check.http.path} on port {check.http.port}, {check.http.scheme}"
    elif check.tcp is not None:
        asks = f"port {check.tcp.port}, tcp"
    elif check.command[:1] == ("NONE",):
        return "none, whatever the image says"
    else:
        form = check.command[0] if check.command else ""
        command = check.command[1:] if form in ("CMD", "CMD-SHELL") else check.command
        asks = " ".join(command) + (", by a shell" if form == "CMD-SHELL" else "")
    start_s, exactly = check.start_period_s, words.exactly
    start = f", the first {exactly(start_s)} do not count" if start_s else ""
    often = f"every {exactly(check.interval_s)}, {exactly(check.timeout_s)} at most"
    return f"{asks}; {often}, unhealthy after {words.count(check.retries, 'failure')}{start}"


def _limits(one: Container) -> Iterator[str]:
    if one.cpu_limit_milli is not None:
        yield f"cpu {words.processors(one.cpu_limit_milli)}"
    if one.memory_limit_bytes is not None:
        yield f"memory {words.size(one.memory_limit_bytes)}"
    if one.pids_limit is not None:
        yield f"pids {one.pids_limit}"


def _named(name: str, values: Iterator[str]) -> Iterator[Fact]:
    return ((name, value) for value in values)
