"""How a container's process runs: its user, folder, signal and capabilities. Pure.

What no runtime could accept is refused here: on the box it would only fail later. Each raises
RefusedError.
"""

from __future__ import annotations

import difflib
import re

from skerry_hub.workloads.problems import RefusedError, short
from skerry_wire import signals

CAPABILITIES = frozenset(
    (
        *("CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID"),
        *("SETUID", "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN"),
        *("NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT"),
        *("SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE"),
        *("SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL"),
        *("SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND"),
        *("AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE"),
    )
)
"""Those of the kernel, as capabilities(7) has them."""
ALL = "ALL"

_USER = re.compile(r"[^\s:/]+(:[^\s:/]+)?")
_MOST_ID = 2**31 - 1


def stop_signal(written: str) -> str:
    """Return a signal in capitals."""
    try:
        return signals.written(written)
    except signals.SignalError as error:
        raise RefusedError(str(error)) from None


def capability(written: str) -> str:
    """Return a kernel capability in capitals."""
    name = written.upper()
    bare = name.removeprefix("CAP_")
    if bare in CAPABILITIES or name == ALL:
        return name
    close = difflib.get_close_matches(bare[:40], sorted(CAPABILITIES), n=1)
    guess = f"; did you mean {close[0]}?" if close else " like NET_ADMIN"
    raise RefusedError(f"{short(written)} is not a capability{guess}")


def user(written: str) -> str:
    """Return a user, or a user and a group, by name or number."""
    if not written:
        raise RefusedError("is empty")
    if _USER.fullmatch(written) is None or not written.isprintable():
        raise RefusedError(f"{short(written)} is not a user: write name, 1000 or 1000:1000")
    for part in written.split(":"):
        if part.isdecimal() and int(part) > _MOST_ID:
            raise RefusedError(f"{short(part)} is too large: {_MOST_ID} is the most")
    return written


def working_dir(written: str) -> str:
    """Return an absolute path in the container."""
    if not written.startswith("/") or not written.isprintable():
        raise RefusedError(f"{short(written)} is not an absolute path in the container")
    return written
