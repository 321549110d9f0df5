"""The executor's settings: from the command line, else the environment, else the defaults."""

from __future__ import annotations

import pathlib

from skerry_wire.frozen import frozen

ENVIRONMENT = "SKERRY_EXECUTOR_"
STATE = pathlib.Path("/var/lib/skerry-executor")
POLICY = pathlib.Path("/etc/skerry/policy.toml")
RUN = pathlib.Path("/run/skerry-executor")
KEYS = pathlib.Path("/etc/skerry/trusted-keys.d")
APPROVAL_KEYS = pathlib.Path("/etc/skerry/approval-keys.d")
IDLE_S = 5.0
MAX_IDLE_S = 86400.0


@frozen(kw_only=True)
class Settings:
    """`users` may ask for something, besides root and the executor's own user."""

    state: pathlib.Path = STATE
    run: pathlib.Path = RUN
    """What a start of the box ends: on tmpfs."""
    policy: pathlib.Path = POLICY
    keys: pathlib.Path = KEYS
    approval_keys: pathlib.Path = APPROVAL_KEYS
    runtime: str = "auto"
    runtime_socket: str | None = None
    pod_manifests: pathlib.Path | None = None
    """Where a kubelet looks for static pods."""
    users: tuple[int, ...] = ()
    idle_s: float = IDLE_S
    root: pathlib.Path = pathlib.Path("/")
    """Where /sys is, and /run; another one in tests alone."""
