"""What a box allows, and what it has against a container: one set of rules for all who judge.

The executor judges by these rules what it is ordered, with the box's own file and symbolic links;
the hub judges by the same what it is about to place, with what the box told. Pure: the file system
is reached only through the `resolve` that is given.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Literal

from skerry_wire.frozen import frozen
from skerry_wire.images import ImageError, ImagePattern, parse_image
from skerry_wire.lifecycle import File
from skerry_wire.order_keys import KeyId
from skerry_wire.schema import Items, Range, Sparse
from skerry_wire.types import ByteCount, Line, Short
from skerry_wire.workload import Container, DeviceMapping, Mount, Port, PortMapping

KERNELS_FOLDERS = ("/proc", "/sys", "/dev")
"""Where no file of an order may be in a container."""
MAX_TOLD_BYTES = 12 * 1024
"""Most bytes of a policy that is told; the file of a box may have more."""

_VOLUME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}")
_CDI_PART = r"[\w.*?!\[\]-]{1,127}"
_CDI_PATTERN = re.compile(f"{_CDI_PART}/{_CDI_PART}=[\\w.:*?!\\[\\]-]{{1,255}}", re.ASCII)
_SEPARATORS = re.compile(r'[\x00-\x1f\x7f,:"\\]')
"""podman writes mounts and devices as `source=...,target=...` and `host:container:rwm` and reads
that again: one of these within a path would begin an option, such as another source."""


@frozen(kw_only=True)
class PortRange:
    """Ports of the node that may be published, both ends included. `protocol` None: either."""

    first: Port
    last: Port
    protocol: Literal["tcp", "udp"] | None = None

    def allows(self, port: PortMapping) -> bool:
        """Say whether the port lies within."""
        return self.protocol in (None, port.protocol) and self.first <= port.host <= self.last

    def __str__(self) -> str:
        ports = f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"
        return f"{ports}/{self.protocol}" if self.protocol else ports


@frozen(kw_only=True)
class AllowedRequests:
    """What may be asked about the instances of a box, whoever signed it."""

    logs: bool = True
    restart: bool = True
    top: bool = True
    exec: bool = False

    def allows(self, verb: str) -> bool:
        """Say whether a verb is allowed; one that is not known never is."""
        return verb in ("logs", "restart", "top", "exec") and bool(getattr(self, verb))


@frozen(kw_only=True)
class Updates:
    """When a box replaces what runs: in its maintenance windows, or at any time without one.

    A window is like `Mon-Fri 02:00-04:00`, in UTC or in the box's local time. With `new` at
    `hold`, what is new waits for one too. So much of the disk is to stay free after an update.
    """

    windows: Annotated[tuple[Line, ...], Items(32)] = ()
    time: Literal["utc", "local"] = "utc"
    new: Literal["allow", "hold"] = "allow"
    disk_reserve_bytes: ByteCount = 64 * 2**20


@frozen(kw_only=True)
class Approvals:
    """Whether a box runs only what somebody beside the hub has approved, and with which keys.

    The keys are told by their ids; in the box's file there are none, they lie in a folder.
    """

    required: bool = False
    keys: Annotated[tuple[KeyId, ...], Items(64)] = ()


@frozen(kw_only=True)
class BoxPolicy:
    """What containers on a box may have. The defaults allow no image, hence nothing.

    `cpu_milli` and `memory_bytes` are the most that the limits of all containers add up to, but for
    those of finished jobs.
    """

    images: Annotated[tuple[ImagePattern, ...], Items(256)] = ()
    any_image: bool = False
    require_digest: bool = False
    privileged: bool = False
    host_network: bool = False
    host_pid: bool = False
    host_ipc: bool = False
    capabilities: Annotated[tuple[Short, ...], Items(64)] = ()
    bind: Annotated[tuple[Line, ...], Items(256)] = ()
    """Folders that containers may be given; as it is told, with what their links lead to."""
    bind_read_only: Annotated[tuple[Line, ...], Items(256)] = ()
    volumes: bool = True
    devices: Annotated[tuple[Line, ...], Items(256)] = ()
    """Device nodes by their paths, and CDI names; both with * and the like."""
    ports: Annotated[tuple[PortRange, ...], Items(256)] = (PortRange(first=1, last=65535),)
    cpu_milli: ByteCount | None = None
    memory_bytes: ByteCount | None = None
    requests: Annotated[AllowedRequests, Sparse()] = AllowedRequests()
    updates: Annotated[Updates, Sparse()] = Updates()
    image_keep_days: Annotated[int, Range(0, 3650), Sparse()] = 7
    """How long an image that was pulled for an order stays when nothing needs it; 0: for ever."""
    image_free_percent: Annotated[int, Range(0, 100), Sparse()] = 0
    """Such images go before, while less of the disk is free."""
    approval: Annotated[Approvals, Sparse()] = Approvals()
    trouble: Annotated[Line, Sparse()] = ""
    """Why the box's file cannot be used: nothing new is allowed, and what is there stays."""

    @property
    def has_limits(self) -> bool:
        """Say whether all containers together are limited."""
        return self.cpu_milli is not None or self.memory_bytes is not None


Resolve = Callable[[str], str]
"""Returns a path with every symbolic link of its existing part followed."""


def reasons(container: Container, policy: BoxPolicy, resolve: Resolve) -> Iterator[str]:
    """Say what the policy has against one container, looked at by itself."""
    if policy.trouble:
        yield policy.trouble
        return
    yield from _image(container.image, policy)
    yield from _privileges(container, policy)
    for mount in container.mounts:
        yield from _mount(mount, policy, resolve)
    for file in container.files:
        yield from _file(file)
    for device in container.devices:
        yield from _device(device, policy)
    for name in container.cdi_devices:
        if not allows_cdi(policy, name):
            yield f"device {name} is not allowed"
    if container.bus_devices and not policy.devices:
        # Which nodes they have, only the box knows, when it makes the container.
        names = ", ".join(map(str, container.bus_devices))
        yield f"{names}: no device node is allowed (devices.allow)"
    for port in container.ports:
        if not any(allowed.allows(port) for allowed in policy.ports):
            yield f"port {port.host}/{port.protocol} may not be published"


def total_reasons(containers: Sequence[Container], policy: BoxPolicy) -> Iterator[str]:
    """Say what the policy has against all containers of a box together.

    Those of a job that is finished, which will not run again, are not among them.
    """
    limits = (
        ("cpu_milli", "CPU limit", policy.cpu_milli, [c.cpu_limit_milli for c in containers]),
        ("memory", "memory limit", policy.memory_bytes,
         [c.memory_limit_bytes for c in containers]),
    )  # fmt: skip
    for name, words, most, asked in limits:
        if most is None:
            continue
        without = sum(1 for value in asked if value is None)
        if without:
            those = "1 container has" if without == 1 else f"{without} containers have"
            yield f"{those} no {words}; this box asks for one (limits.{name})"
        total = sum(value for value in asked if value is not None)
        if total > most:
            yield f"the {words}s add up to {total}; this box allows {most} (limits.{name})"


def allows_device(policy: BoxPolicy, path: str) -> bool:
    """Say whether containers may be given this device node."""
    return is_plain_path(path) and any(_glob_fits(path, glob) for glob in policy.devices)


def allows_cdi(policy: BoxPolicy, name: str) -> bool:
    """Say whether containers may be given the device of this CDI name."""
    return any(is_cdi_pattern(glob) and _glob_fits(name, glob) for glob in policy.devices)


def is_cdi_pattern(text: str) -> bool:
    """Say whether a line of allowed devices means CDI names: `nvidia.com/gpu=*`."""
    return _CDI_PATTERN.fullmatch(text) is not None


def _image(text: str, policy: BoxPolicy) -> Iterator[str]:
    try:
        image = parse_image(text)
    except ImageError as error:
        yield f"image: {error}"
        return
    if not policy.any_image and not any(pattern.allows(image) for pattern in policy.images):
        yield f"image {image.full} is not among those allowed"
    if policy.require_digest and image.digest is None:
        yield f"image {image.full} is not pinned by a digest"


def _privileges(container: Container, policy: BoxPolicy) -> Iterator[str]:
    asked = (
        ("privileged", container.privileged, policy.privileged),
        ("the network of the host", container.network == "host", policy.host_network),
        ("the processes of the host", container.pid == "host", policy.host_pid),
        ("the IPC of the host", container.ipc == "host", policy.host_ipc),
    )
    for name, wanted, allowed in asked:
        if wanted and not allowed:
            yield f"{name} is not allowed"
    for capability in container.cap_add:
        if plain_capability(capability) not in policy.capabilities:
            yield f"capability {capability} is not allowed"


def plain_capability(name: str) -> str:
    """Return the name of a capability without its prefix, in capitals."""
    return name.upper().removeprefix("CAP_")


def _mount(mount: Mount, policy: BoxPolicy, resolve: Resolve) -> Iterator[str]:
    if _SEPARATORS.search(mount.target):
        yield f'mount target {mount.target[:200]!r}: may not have any of , : " \\ in it'
    if mount.kind == "tmpfs":
        return
    if mount.kind == "volume":
        if not policy.volumes:
            yield f"volume {mount.source!r}: volumes are not allowed"
        elif mount.source and not _VOLUME.fullmatch(mount.source):
            yield f"{mount.source[:80]!r} is not the name of a volume"
        return
    if not is_plain_path(mount.source):
        yield f"bind {mount.source[:200]!r}: {_PLAIN}"
        return
    allowed = policy.bind + (policy.bind_read_only if mount.read_only else ())
    real = resolve(mount.source)
    if any(is_within(real, resolve(folder)) for folder in allowed):
        return
    via = "" if real == mount.source else f" (which is {real})"
    if not mount.read_only and any(is_within(real, resolve(f)) for f in policy.bind_read_only):
        yield f"bind {mount.source}{via} is allowed read-only"
    else:
        yield f"bind {mount.source}{via} is not within an allowed folder"


def _file(file: File) -> Iterator[str]:
    """Say what is wrong with the place of a file; that there is one, every box allows."""
    if not is_plain_path(file.path) or file.path == "/":
        yield f"file {file.path[:200]!r}: {_PLAIN}"
    elif any(is_within(file.path, folder) for folder in KERNELS_FOLDERS):
        yield f"file {file.path} would stand before what the kernel shows there"


def _device(device: DeviceMapping, policy: BoxPolicy) -> Iterator[str]:
    if _SEPARATORS.search(device.container):
        yield f'device target {device.container[:200]!r}: may not have any of , : " \\ in it'
    if not is_plain_path(device.host):
        yield f"device {device.host[:200]!r}: {_PLAIN}"
    elif not allows_device(policy, device.host):
        yield f"device {device.host} is not allowed"


_PLAIN = 'give an absolute path without . or .. or // or any of , : " \\'


def is_plain_path(path: str) -> bool:
    """Say whether the path is absolute, in its shortest form, and free of separators."""
    if _SEPARATORS.search(path):
        return False
    return path.startswith("/") and posixpath.normpath(path) == path and path[:2] != "//"


def is_within(path: str, folder: str) -> bool:
    """Say whether a resolved path is a folder itself or lies below it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _glob_fits(path: str, glob: str) -> bool:
    """Match element by element, so that `*` does not reach into folders below."""
    parts, patterns = path.split("/"), glob.split("/")
    return len(parts) == len(patterns) and all(
        fnmatch.fnmatchcase(part, pattern) for part, pattern in zip(parts, patterns, strict=True)
    )
