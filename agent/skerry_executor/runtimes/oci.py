"""A container in the words of the OCI runtime specification, for a containerd without CNI. Pure.

Networks are the box's own or none. https://github.com/opencontainers/runtime-spec
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from typing import Any

from skerry_wire.frozen import frozen
from skerry_wire.workload import Container, Mount

Plain = dict[str, Any]

PERIOD_US = 100_000
DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_CAPABILITIES = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
]
"""What docker and podman give a container, too."""

_ALL_CAPABILITIES = (
    *_CAPABILITIES,
    *[
        "DAC_READ_SEARCH",
        "LINUX_IMMUTABLE",
        "NET_BROADCAST",
        "NET_ADMIN",
        "IPC_LOCK",
        "IPC_OWNER",
        "SYS_MODULE",
        "SYS_RAWIO",
        "SYS_PTRACE",
        "SYS_PACCT",
        "SYS_ADMIN",
        "SYS_BOOT",
        "SYS_NICE",
        "SYS_RESOURCE",
        "SYS_TIME",
        "SYS_TTY_CONFIG",
        "LEASE",
        "AUDIT_CONTROL",
        "MAC_OVERRIDE",
        "MAC_ADMIN",
        "SYSLOG",
        "WAKE_ALARM",
        "BLOCK_SUSPEND",
        "AUDIT_READ",
    ],
)

_DENIED_CALLS = [
    "acct",
    "add_key",
    "bpf",
    "delete_module",
    "fanotify_init",
    "finit_module",
    "init_module",
    "ioperm",
    "iopl",
    "kcmp",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "lookup_dcookie",
    "mount",
    "move_mount",
    "move_pages",
    "mount_setattr",
    "name_to_handle_at",
    "nfsservctl",
    "open_by_handle_at",
    "open_tree",
    "perf_event_open",
    "personality",
    "pivot_root",
    "process_vm_readv",
    "process_vm_writev",
    "quotactl",
    "reboot",
    "request_key",
    "setns",
    "settimeofday",
    "clock_settime",
    "stime",
    "swapoff",
    "swapon",
    "sysfs",
    "_sysctl",
    "umount",
    "umount2",
    "unshare",
    "uselib",
    "userfaultfd",
    "ustat",
    "vhangup",
    "vm86",
    "vm86old",
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
]
"""System calls that no ordinary program needs and that reach far into the kernel."""

_ARCHITECTURES = {
    "x86_64": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    "aarch64": ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
    "armv7l": ["SCMP_ARCH_ARM"],
}

_MASKED = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
]
_READ_ONLY = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
]
_DEVICES = (("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9))
_ETC = ("/etc/resolv.conf", "/etc/hosts")


@frozen(kw_only=True)
class ImageConfig:
    """What an image says of how it is run."""

    environment: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    working_dir: str = ""
    user: str = ""
    stop_signal: str = ""


@frozen(kw_only=True)
class User:
    """As whom a container runs."""

    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()


@frozen(kw_only=True)
class DeviceNode:
    """A device node of the box, by its numbers."""

    path: str
    kind: str
    major: int
    minor: int
    permissions: str
    mode: int = 0o666
    uid: int = 0
    gid: int = 0


@frozen(kw_only=True)
class Box:
    """What of the box a container depends on. `folders` are its mounts' sources, by target."""

    machine: str
    etc: tuple[str, ...] = _ETC
    devices: tuple[DeviceNode, ...] = ()
    folders: dict[str, str] = dataclasses.field(default_factory=dict)


def image_config(plain: Any) -> ImageConfig:
    """Return what an OCI image configuration says; what is not of the expected form is left out."""
    config = plain.get("config") if isinstance(plain, dict) else None
    config = config if isinstance(config, dict) else {}

    def words(key: str) -> tuple[str, ...]:
        found = config.get(key)
        return tuple(map(str, found)) if isinstance(found, list) else ()

    return ImageConfig(
        environment=words("Env"),
        entrypoint=words("Entrypoint"),
        command=words("Cmd"),
        working_dir=str(config.get("WorkingDir") or ""),
        user=str(config.get("User") or ""),
        stop_signal=str(config.get("StopSignal") or ""),
    )


def spec_of(container: Container, image: ImageConfig, user: User, box: Box, cgroup: str) -> Plain:
    """Return the bundle's configuration. `cgroup` is the path of the container's own."""
    privileged = container.privileged
    linux: Plain = {
        "cgroupsPath": cgroup,
        "namespaces": [{"type": kind} for kind in _namespaces(container)],
        "devices": [_device(device) for device in box.devices],
        "resources": _resources(container, box.devices),
        "maskedPaths": [] if privileged else _MASKED,
        "readonlyPaths": [] if privileged else _READ_ONLY,
    }
    if not privileged and box.machine in _ARCHITECTURES:
        linux["seccomp"] = {
            "defaultAction": "SCMP_ACT_ALLOW",
            "architectures": _ARCHITECTURES[box.machine],
            "syscalls": [{"names": _denied(container), "action": "SCMP_ACT_ERRNO", "errnoRet": 1}],
        }
    return {
        "ociVersion": "1.0.2",
        "process": process_of(container, image, user),
        "root": {"path": "rootfs", "readonly": container.read_only},
        "mounts": list(_mounts(container, box)),
        "linux": linux,
    }


def arguments(container: Container, image: ImageConfig) -> tuple[str, ...]:
    """Return what is run: an entry point of one's own leaves the image's command out."""
    entrypoint = image.entrypoint if container.entrypoint is None else container.entrypoint
    command = container.command
    if command is None:
        command = image.command if container.entrypoint is None else ()
    return (*entrypoint, *command)


def process_of(container: Container, image: ImageConfig, user: User) -> Plain:
    """Return the process that is run."""
    environment = dict(one.partition("=")[::2] for one in (DEFAULT_PATH, *image.environment))
    environment.update(container.environment)
    capabilities = _capabilities(container)
    held = capabilities if user.uid == 0 else []
    return {
        "terminal": False,
        "user": {"uid": user.uid, "gid": user.gid, "additionalGids": list(user.groups)},
        "args": list(arguments(container, image)),
        "env": [f"{name}={value}" for name, value in environment.items()],
        "cwd": container.working_dir or image.working_dir or "/",
        "capabilities": {"bounding": capabilities, "effective": held, "permitted": held},
        "noNewPrivileges": False,
    }


def _capabilities(container: Container) -> list[str]:
    names = list(_ALL_CAPABILITIES if container.privileged else _CAPABILITIES)
    dropped = {name.removeprefix("CAP_") for name in container.cap_drop}
    added = [name.removeprefix("CAP_") for name in container.cap_add]
    if "ALL" in dropped:
        names = []
    if "ALL" in added:
        names = list(_ALL_CAPABILITIES)
    names = [name for name in names if name not in dropped]
    return [f"CAP_{name}" for name in dict.fromkeys([*names, *added]) if name != "ALL"]


def _denied(container: Container) -> list[str]:
    # Who is given the capability for them may mount, and be in other namespaces.
    if {"CAP_SYS_ADMIN", "CAP_ALL"} & set(_capabilities(container)):
        return ["kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module"]
    return _DENIED_CALLS


def _namespaces(container: Container) -> Iterator[str]:
    yield from ("mount", "uts")
    if container.pid != "host":
        yield "pid"
    if container.ipc != "host":
        yield "ipc"
    if container.network == "none":
        yield "network"


def _device(device: DeviceNode) -> Plain:
    return {
        "path": device.path,
        "type": device.kind,
        "major": device.major,
        "minor": device.minor,
        "fileMode": device.mode,
        "uid": device.uid,
        "gid": device.gid,
    }


def _resources(container: Container, devices: Sequence[DeviceNode]) -> Plain:
    if container.privileged:
        rules: list[Plain] = [{"allow": True, "access": "rwm"}]
    else:
        rules = [{"allow": False, "access": "rwm"}]
        rules += [_rule("c", 1, minor, "rwm") for _, minor in _DEVICES]
        # The controlling terminal, and terminals of its own.
        rules += [_rule("c", 5, 0, "rwm"), _rule("c", 5, 2, "rwm"), _rule("c", 136, None, "rwm")]
        rules += [_rule(d.kind, d.major, d.minor, d.permissions) for d in devices]
    plain: Plain = {"devices": rules}
    if container.memory_limit_bytes is not None:
        plain["memory"] = {"limit": container.memory_limit_bytes}
    if container.pids_limit is not None:
        plain["pids"] = {"limit": container.pids_limit}
    if container.cpu_limit_milli is not None:
        quota = max(1000, container.cpu_limit_milli * PERIOD_US // 1000)
        plain["cpu"] = {"quota": quota, "period": PERIOD_US}
    return plain


def _rule(kind: str, major: int, minor: int | None, access: str) -> Plain:
    rule: Plain = {"allow": True, "type": kind, "major": major, "access": access}
    return rule if minor is None else {**rule, "minor": minor}


def _mounts(container: Container, box: Box) -> Iterator[Plain]:
    safe = ["nosuid", "noexec", "nodev"]
    yield _mount("/proc", "proc", "proc", safe)
    if container.privileged:
        yield _mount("/dev", "bind", "/dev", ["rbind", "rw"])
        yield _mount("/sys", "bind", "/sys", ["rbind", "rw"])
    else:
        yield _mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"])
        terminals = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]
        yield _mount("/dev/pts", "devpts", "devpts", terminals)
        if container.ipc == "host":
            yield _mount("/dev/shm", "bind", "/dev/shm", ["rbind", "rw"])  # noqa: S108
        else:
            shared = [*safe, "mode=1777", "size=65536k"]
            yield _mount("/dev/shm", "tmpfs", "shm", shared)  # noqa: S108
        yield _mount("/sys", "sysfs", "sysfs", [*safe, "ro"])
    for path in box.etc:
        yield _mount(path, "bind", path, ["bind", "ro"])
    for mount in container.mounts:
        yield _own_mount(mount, box)


def _own_mount(mount: Mount, box: Box) -> Plain:
    access = "ro" if mount.read_only else "rw"
    if mount.kind == "tmpfs":
        return _mount(mount.target, "tmpfs", "tmpfs", ["nosuid", "nodev", "mode=1777", access])
    # What else is mounted below a read-only folder would come along, and be writable.
    how = "bind" if mount.kind == "bind" and mount.read_only else "rbind"
    return _mount(mount.target, "bind", box.folders[mount.target], [how, "rprivate", access])


def _mount(target: str, kind: str, source: str, options: list[str]) -> Plain:
    return {"destination": target, "type": kind, "source": source, "options": options}


def to_json(spec: Plain) -> bytes:
    """Return a specification as containerd keeps it."""
    return json.dumps(spec, separators=(",", ":")).encode()
