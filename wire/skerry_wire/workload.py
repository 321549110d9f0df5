"""What a node shall run: the instances of an order, in the runtimes' own words."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Literal

from skerry_wire.bus import ADDRESS, Bus
from skerry_wire.frozen import frozen
from skerry_wire.lifecycle import (
    After,
    File,
    HttpProbe,
    Job,
    Lease,
    LogLimits,
    Path,
    Sealed,
    Switch,
    TcpProbe,
)
from skerry_wire.schema import Items, Range, Sparse, Text
from skerry_wire.types import ByteCount, Hex, InstanceId, Line, Name, Revision, Short

MAX_PIDS = 2**22
"""The most that a Linux kernel has: proc_sys_kernel(5), pid_max."""
Port = Annotated[int, Range(1, 65535)]
Argument = Annotated[str, Text(32 * 1024, r"[^\x00]*")]
Arguments = Annotated[tuple[Argument, ...], Items(1024)]
CDI_NAME = "[a-zA-Z0-9][a-zA-Z0-9._-]*/[a-zA-Z0-9._-]+=[a-zA-Z0-9._:-]+"
"""https://github.com/cncf-tags/container-device-interface: vendor/class=name."""
CdiName = Annotated[str, Text(256, CDI_NAME)]


@frozen(kw_only=True)
class PortMapping:
    """A port of the node that reaches a port of the container. `host_ip` empty: every address."""

    host: Port
    container: Port
    protocol: Literal["tcp", "udp"] = "tcp"
    host_ip: Annotated[str, Text(45, "[0-9a-fA-F.:]*")] = ""


@frozen(kw_only=True)
class Mount:
    """A named volume, a folder of the node, or a temporary memory file system."""

    kind: Literal["volume", "bind", "tmpfs"]
    target: Path
    source: Annotated[str, Text(1024, r"[^\x00]*")] = ""
    read_only: bool = False


@frozen(kw_only=True)
class DeviceMapping:
    """A device node of the box that the container gets."""

    host: Path
    container: Path
    permissions: Annotated[str, Text(3, "r?w?m?")] = "rwm"


@frozen(kw_only=True)
class BusDevice:
    """A device of the box by where it stands, which outlives the numbers of its device nodes.

    The box looks its nodes up when it makes the container, and again when it was plugged anew.
    `vendor` and `product` are what must stand there, where that is known. With a `subsystem` only
    the nodes of the `number`th device of that sort are meant, counted from 0.
    """

    bus: Bus
    address: Annotated[str, Text(64, ADDRESS)]
    vendor: Annotated[Hex, Sparse()] | None = None
    product: Annotated[Hex, Sparse()] | None = None
    subsystem: Annotated[Literal["tty", "video4linux"], Sparse()] | None = None
    number: Annotated[int, Range(0, 255), Sparse()] = 0

    def __str__(self) -> str:
        """Return what people know it by: `usb 1-1.2`, `tty 1 of usb 1-1.2`."""
        place = f"{self.bus} {self.address}"
        return f"{self.subsystem} {self.number} of {place}" if self.subsystem else place


@frozen(kw_only=True)
class HealthCheck:
    """A command that the runtime runs inside the container; exit status 0 is healthy.

    Or, where the command is empty, one of `http` and `tcp`.
    """

    command: Arguments
    http: Annotated[HttpProbe, Sparse()] | None = None
    tcp: Annotated[TcpProbe, Sparse()] | None = None
    interval_s: Annotated[float, Range(0.1, 86400)] = 30.0
    timeout_s: Annotated[float, Range(0.1, 86400)] = 30.0
    start_period_s: Annotated[float, Range(0, 86400)] = 0.0
    retries: Annotated[int, Range(1, 1000)] = 3


@frozen(kw_only=True)
class Container:
    """One container. What is None or empty is left to the image or the runtime."""

    name: Name
    image: Annotated[str, Text(512, "[A-Za-z0-9][A-Za-z0-9._:/@-]*")]
    pull: Literal["missing", "always", "never"] = "missing"
    entrypoint: Arguments | None = None
    command: Arguments | None = None
    environment: Annotated[Mapping[str, Argument], Items(1024)] = dataclasses.field(
        default_factory=dict
    )
    labels: Annotated[Mapping[str, Line], Items(256)] = dataclasses.field(default_factory=dict)
    user: Short | None = None
    working_dir: Path | None = None
    ports: Annotated[tuple[PortMapping, ...], Items(256)] = ()
    mounts: Annotated[tuple[Mount, ...], Items(128)] = ()
    devices: Annotated[tuple[DeviceMapping, ...], Items(128)] = ()
    bus_devices: Annotated[tuple[BusDevice, ...], Items(128), Sparse()] = ()
    restart: Literal["no", "always", "on-failure"] = "always"
    restart_retries: Annotated[int, Range(0, 1_000_000)] = 0
    health: HealthCheck | None = None
    stop_signal: Annotated[str, Text(16, "[A-Z0-9+]+")] | None = None
    stop_grace_s: Annotated[float, Range(0, 86400)] = 10.0
    cpu_limit_milli: Annotated[int, Range(1, 10_000_000)] | None = None
    memory_limit_bytes: ByteCount | None = None
    read_only: bool = False
    init: bool = False
    privileged: bool = False
    network: Literal["bridge", "host", "none"] = "bridge"
    pid: Literal["private", "host"] = "private"
    ipc: Literal["private", "host"] = "private"
    cap_add: Annotated[tuple[Short, ...], Items(64)] = ()
    cap_drop: Annotated[tuple[Short, ...], Items(64)] = ()
    after: Annotated[tuple[After, ...], Items(31), Sparse()] = ()
    files: Annotated[tuple[File, ...], Items(64), Sparse()] = ()
    secret_environment: Annotated[Mapping[str, Sealed], Items(64), Sparse()] = dataclasses.field(
        default_factory=dict
    )
    credentials: Annotated[Sealed, Sparse()] | None = None
    """For the image's registry: `user:password`. Another one restarts nothing."""
    cdi_devices: Annotated[tuple[CdiName, ...], Items(64), Sparse()] = ()
    """Devices by their names in the box's CDI specifications, such as `nvidia.com/gpu=0`."""
    log: Annotated[LogLimits, Sparse()] | None = None
    pids_limit: Annotated[int, Range(1, MAX_PIDS), Sparse()] | None = None
    """Most processes and threads that it may have at once."""


@frozen(kw_only=True)
class Instance:
    """A workload's replica on a node. `revision` is the digest of what makes it be replaced.

    `origin` is the workload as the hub had it, for a hub that has lost it; a node never reads it.
    """

    id: InstanceId
    workload: Name
    revision: Revision
    containers: Annotated[tuple[Container, ...], Items(32)]
    job: Annotated[Job, Sparse()] | None = None
    lease: Annotated[Lease, Sparse()] | None = None
    switch: Annotated[Switch, Sparse()] | None = None
    """Without one, a new revision takes the place of the old one and no more is looked at."""
    shared_network: Annotated[bool, Sparse()] = False
    """The containers reach each other at localhost, and have one address."""
    origin: Annotated[bytes, Items(64 * 1024)] | None = None
    approvals: Annotated[tuple[Annotated[bytes, Items(8 * 1024)], ...], Items(4), Sparse()] = ()
    """Envelopes by which somebody beside the hub approves this content (`skerry_wire.approval`)."""
