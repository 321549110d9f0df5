"""What of a file goes into a recording: what the probes read there, and nothing that stands beside.

A specification of devices holds tokens, a list of mounts passwords and names of customers, the
kernel's version who built it. Where only some lines count, only those are kept, in a form that the
probes read the same. What is kept still goes through `redaction`. Pure.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterable

from skerry_agent.host import Unreadable
from skerry_agent.probes import cdi, features, runtimes, storage

_OS_RELEASE_KEYS = ("ID=", "ID_LIKE=", "VERSION_ID=", "PRETTY_NAME=")
_KEPT_OF_UDEV = ("E:ID_V4L_CAPABILITIES=",)
"""Of all that udev knows of a device, serial numbers too, what a probe reads there."""

_KEPT_OF_MAINFRAME = ("VM00 Control Program",)
_OF_ONE_GPU = re.compile(r"(?:unique_id|hive_id)\b")
_OF_ONE_PROCESSOR = re.compile(
    r"^([^\n:]*serial[^\n:]*:[ \t]*)\S[^\n]*|(?<=\bidentification = )[0-9A-F]+", re.I | re.M
)
"""Serial numbers of ARM and Alpha boxes, and of mainframes."""

_CONTROL_GROUPS = frozenset({"cgroup", "cgroup2", "cpuset"})
_NETWORK_MOUNT = re.compile(
    r"nfs4?|cifs|smb3?|smbfs|ceph|glusterfs|fuse\.\S+|9p|afs|davfs|lustre|sshfs"
)
_OF_THE_SYSTEM = re.compile(r"/(?:(?:dev|proc|sys)(?:/\S*)?)?\Z")
_KERNEL_OPTION = re.compile(
    rf"^CONFIG_(?:{'|'.join(features.KERNEL_OPTIONS)})=.*\n?".encode("ascii"), re.MULTILINE
)
_GZIP = b"\x1f\x8b\x08"


def excerpt(path: str, content: bytes) -> bytes | Unreadable:
    """Return what a recording keeps of a file; Unreadable where probes do not understand it."""
    if path.startswith(tuple(f"{folder}/" for folder in cdi.FOLDERS)):
        return _of_devices(path, content)
    for pattern, part in _PARTS:
        if pattern.search(path):
            return part(content.decode("latin-1")).encode("latin-1")
    return _kernel_options(content) if _KERNEL_OPTIONS.search(path) else content


def of_answer(answer: bytes) -> bytes:
    """Return what a recording keeps of a runtime's answer: its version, and whose it is."""
    told: dict[str, object] = {}
    version = runtimes.version_in(answer)
    if version is not None:
        told["Version"] = version
    if runtimes.engine_in(answer) == "podman":
        told["Components"] = [{"Name": "Podman Engine"}]
    return json.dumps(told).encode("utf-8")


def _of_devices(path: str, content: bytes) -> bytes | Unreadable:
    """Return a specification of CDI with nothing but the kind and the devices' names."""
    try:
        return cdi.bare(cdi.RawSpec(path, content.decode("utf-8"))).encode("utf-8")
    except UnicodeDecodeError:
        return Unreadable("is not text")
    except ValueError as error:
        return Unreadable(str(error))


def _rows_with(keys: tuple[str, ...]) -> Callable[[str], str]:
    def part(text: str) -> str:
        rows = text.splitlines(keepends=True)
        return "".join(row for row in rows if row.startswith(keys))

    return part


def _rows_without(pattern: re.Pattern[str]) -> Callable[[str], str]:
    def part(text: str) -> str:
        rows = text.splitlines(keepends=True)
        return "".join(row for row in rows if not pattern.match(row))

    return part


def _sockets(text: str) -> str:
    """Return the sockets of runtimes that take connections, of all that the kernel lists."""
    known = {socket for one in runtimes.RUNTIMES for socket in one.sockets}
    rows = [f"0: 2 0 00010000 1 1 0 {path}\n" for path in sorted(runtimes.listening(text) & known)]
    return "".join(("Num RefCount Protocol Flags Type St Inode Path\n", *rows))


def _nothing(text: str) -> str:  # noqa: ARG001 - one form for all
    return "recorded\n"


def _release(text: str) -> str:
    """Return `Linux version 6.1.0`, without who built it where."""
    return " ".join(text.split()[:3]) + "\n"


def _processors(text: str) -> str:
    return _OF_ONE_PROCESSOR.sub(lambda match: f"{match[1] or ''}0", text)


def _first_row(text: str) -> str:
    """Return the first row, without who built the module where."""
    return re.sub(r"\([^()]*@[^()]*\)", "", text.partition("\n")[0]) + "\n"


def _kernel_options(content: bytes) -> bytes:
    """Return those of the kernel's settings that a probe asks for, compressed where they were."""
    if not content.startswith(_GZIP):
        return b"".join(_KERNEL_OPTION.findall(content))
    try:
        way = zlib.decompressobj(zlib.MAX_WBITS | 16)
        plain = way.decompress(content, features.MAX_CONFIG_BYTES)
    except zlib.error:
        return b""
    return gzip.compress(b"".join(_KERNEL_OPTION.findall(plain)), mtime=0)


# --- mounts --------------------------------------------------------------------------------------


def _mounts(text: str) -> str:
    """Return the mounts that a probe speaks of: control groups, and one of each disk's.

    The others are of containers, people and servers; of them nothing remains but what the system
    itself has mounted. Options go, for passwords stand there.
    """
    shown = frozenset(storage.mounted(text))
    return "".join(_mount_rows(text.splitlines(), shown))


def _mount_rows(rows: Iterable[str], shown: frozenset[object]) -> Iterable[str]:
    for row in rows:
        fields = row.split(" ")
        if len(fields) < 4:
            continue
        source, mount, type_, options = fields[:4]
        if type_ in _CONTROL_GROUPS:
            kept = ",".join(word for word in options.split(",") if "=" not in word)
            yield f"{source} {mount} {type_} {kept or 'rw'} 0 0\n"
        elif shown.intersection(storage.mounted(row)) or _OF_THE_SYSTEM.match(mount):
            source = "recorded" if _NETWORK_MOUNT.fullmatch(type_) else source
            access = "ro" if "ro" in options.split(",") else "rw"
            yield f"{source} {mount} {type_} {access} 0 0\n"


# --- which files ---------------------------------------------------------------------------------

_KERNEL_OPTIONS = re.compile(
    r"\A/(?:proc/config\.gz|boot/config-[^/]*|(?:usr/)?lib/modules/[^/]+/config)\Z"
)

_PARTS = tuple(
    (re.compile(pattern), part)
    for pattern, part in (
        (r"\A/proc/(?:[^/]+/)?cmdline\Z", _nothing),
        (r"\A/proc/(?:[^/]+/)?mounts\Z", _mounts),
        (r"\A/proc/(?:[^/]+/)?net/unix\Z", _sockets),
        (r"\A/proc/version\Z", _release),
        (r"\A/proc/cpuinfo\Z", _processors),
        (r"\A/proc/sysinfo\Z", _rows_with(_KEPT_OF_MAINFRAME)),
        (r"\A/proc/driver/nvidia/version\Z", _first_row),
        (r"/os-release\Z", _rows_with(_OS_RELEASE_KEYS)),
        (r"\A/run/udev/data/", _rows_with(_KEPT_OF_UDEV)),
        (r"/topology/nodes/[0-9]+/properties\Z", _rows_without(_OF_ONE_GPU)),
    )
)
"""What a path looks like after all links, and what is kept of the file's text."""
