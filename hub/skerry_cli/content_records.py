"""What an operator asked for, as the hub's answers have it: a workload and its containers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated

from skerry_cli.records import MANY, Labels, Names, Words
from skerry_cli.workload_placement import ANYWHERE, Placement
from skerry_wire.frozen import frozen


@frozen(kw_only=True)
class Port:
    """A port of the node that reaches a port of the container."""

    host: int
    container: int
    protocol: Words = "tcp"
    host_ip: Words = ""


@frozen(kw_only=True)
class Mount:
    """What a container sees at a path."""

    kind: Words
    target: Words
    source: Words = ""
    read_only: bool = False


@frozen(kw_only=True)
class Device:
    """A device of the node that a container gets."""

    host: Words
    container: Words
    permissions: Words = "rwm"


@frozen(kw_only=True)
class BusDevice:
    """A device by where it stands."""

    bus: Words
    address: Words
    vendor: Words | None = None
    product: Words | None = None
    subsystem: Words | None = None
    number: int = 0


@frozen(kw_only=True)
class HttpProbe:
    """A GET request."""

    port: int
    path: Words = "/"
    scheme: Words = "http"


@frozen(kw_only=True)
class TcpProbe:
    """A connection."""

    port: int


@frozen(kw_only=True)
class HealthCheck:
    """What tells whether a container is well: a command, or one of `http` and `tcp`."""

    command: Names = ()
    http: HttpProbe | None = None
    tcp: TcpProbe | None = None
    interval_s: float = 0.0
    timeout_s: float = 0.0
    start_period_s: float = 0.0
    retries: int = 0


@frozen(kw_only=True)
class After:
    """Another container that must have come so far before this one starts."""

    container: Words
    condition: Words = "started"


@frozen(kw_only=True)
class Secret:
    """A secret, by its name at the hub."""

    name: Words


@frozen(kw_only=True)
class File:
    """A file of the container; its content is in base64."""

    path: Words
    content: Annotated[Words, MANY] = ""
    secret: Secret | None = None
    mode: int = 0o400
    uid: int = 0
    gid: int = 0


@frozen(kw_only=True)
class LogLimits:
    """How much of what it writes is kept on the box."""

    max_bytes: int = 0
    files: int = 1


@frozen(kw_only=True)
class Container:
    """What is asked for of one container."""

    name: Words
    image: Words
    pull: Words = "missing"
    entrypoint: Names | None = None
    command: Names | None = None
    environment: Labels = dataclasses.field(default_factory=dict)
    labels: Labels = dataclasses.field(default_factory=dict)
    user: Words | None = None
    working_dir: Words | None = None
    ports: Annotated[tuple[Port, ...], MANY] = ()
    mounts: Annotated[tuple[Mount, ...], MANY] = ()
    devices: Annotated[tuple[Device, ...], MANY] = ()
    bus_devices: Annotated[tuple[BusDevice, ...], MANY] = ()
    restart: Words = "always"
    restart_retries: int = 0
    health: HealthCheck | None = None
    stop_signal: Words | None = None
    stop_grace_s: float = 10.0
    cpu_limit_milli: int | None = None
    memory_limit_bytes: int | None = None
    pids_limit: int | None = None
    read_only: bool = False
    init: bool = False
    privileged: bool = False
    network: Words = "bridge"
    pid: Words = "private"
    ipc: Words = "private"
    cap_add: Names = ()
    cap_drop: Names = ()
    after: Annotated[tuple[After, ...], MANY] = ()
    files: Annotated[tuple[File, ...], MANY] = ()
    secret_environment: Annotated[Mapping[str, Secret], MANY] = dataclasses.field(
        default_factory=dict
    )
    cdi_devices: Names = ()
    log: LogLimits | None = None


@frozen(kw_only=True)
class DeviceRequest:
    """So many devices of a kind, whole or a share of each."""

    kind: Words
    count: int = 1
    vendor: Words | None = None
    share_milli: int = 1000
    expressions: Names = ()
    only_reserved: bool = False

    def __str__(self) -> str:
        share = f"{self.share_milli / 1000:g} of " if self.share_milli != 1000 else ""
        vendor = f"{self.vendor} " if self.vendor else ""
        tests = f" with {' and '.join(self.expressions)}" if self.expressions else ""
        given = ", not given to the container" if self.only_reserved else ""
        return f"{share}{self.count} {vendor}{self.kind}{tests}{given}"


@frozen(kw_only=True)
class Request:
    """What each instance reserves."""

    cpu_milli: int = 0
    memory_bytes: int = 0
    storage_bytes: int = 0
    devices: Annotated[tuple[DeviceRequest, ...], MANY] = ()
    ports: Names = ()


@frozen(kw_only=True)
class Constraint:
    """A test of a node."""

    key: Words
    operator: Words
    value: Words


@frozen(kw_only=True)
class Toleration:
    """Taints that it bears."""

    key: Words = ""
    operator: Words = "Equal"
    value: Words = ""
    effect: Words | None = None

    def __str__(self) -> str:
        key = self.key or "every taint"
        value = f"={self.value}" if self.operator == "Equal" else ""
        return key + value + (f":{self.effect}" if self.effect else "")


@frozen(kw_only=True)
class JobSettings:
    """That it runs to completion, and how often it is tried."""

    retries: int = 0
    deadline_s: float | None = None
    schedule: Words = ""


@frozen(kw_only=True)
class Update:
    """How its instances come to a new revision."""

    strategy: Words = "rolling"
    max_unavailable: Words = ""
    max_failed: int = 0
    on_failure: Words = ""
    canary: Words = ""
    canary_pauses: bool = False
    wave_by: Words = ""
    settle_s: float = 0.0
    deadline_s: float = 0.0


@frozen(kw_only=True)
class Lifecycle:
    """What becomes of its instances when nobody hears of them, and how they are updated."""

    job: JobSettings | None = None
    lease_s: float | None = None
    lost_after_s: float | None = None
    on_site_loss: Words = "hold"
    shared_network: bool = False
    update: Update = Update()


@frozen(kw_only=True)
class Content:
    """What an operator asked for."""

    mode: Words = "replicated"
    containers: Annotated[tuple[Container, ...], MANY] = ()
    resources: Request = Request()
    constraints: Annotated[tuple[Constraint, ...], MANY] = ()
    expressions: Annotated[tuple[Words, ...], MANY] = ()
    labels: Labels = dataclasses.field(default_factory=dict)
    tolerations: Annotated[tuple[Toleration, ...], MANY] = ()
    placement: Placement = ANYWHERE
    lifecycle: Lifecycle = Lifecycle()
