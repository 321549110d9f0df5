"""The agent's unit, where systemd runs this box: it is told to look again, or stopped."""

from __future__ import annotations

import os
import shutil
import subprocess

from skerry_agent.joining.failure import JoinError

UNIT = "skerry-agent.service"
LIMIT_S = 90.0


def is_there() -> bool:
    """Say whether systemd runs this box, and knows the agent."""
    if not os.path.isdir("/run/systemd/system") or shutil.which("systemctl") is None:
        return False
    return _systemctl("cat", UNIT).returncode == 0


def is_active() -> bool:
    """Say whether the agent runs."""
    return _systemctl("is-active", "--quiet", UNIT).returncode == 0


def stop() -> None:
    """Stop the agent; what it looks after runs on. Raises JoinError."""
    _must("stop", UNIT)


def start_or_reload() -> None:
    """Have a running agent look again, or start it. Raises JoinError."""
    _must("reload-or-restart", UNIT)


def forget_orders(path: str | None = None) -> str | None:
    """Have the executor forget which node this box was; return what to do where it cannot.

    `path`, here and below: where programs are looked for, in place of PATH.
    """
    program = shutil.which("skerry-executor", path=path)
    if program is None:
        return None
    done = _run([program, "reset", "--yes"])
    if done.returncode == 0:
        return None
    said = " ".join(done.stderr.split())[:300]
    return f"the executor still knows this box as before ({said}): skerry-executor reset --yes"


def sealing_key(path: str | None = None) -> tuple[str | None, str]:
    """Return the executor's public key in base64, or None and why it cannot be had."""
    program = shutil.which("skerry-executor", path=path)
    if program is None:
        return None, "skerry-executor is not installed"
    done = _run([program, "sealing-key"])
    if done.returncode == 0:
        return done.stdout.strip(), ""
    return None, " ".join(done.stderr.split())[:300]


def _must(verb: str, unit: str) -> None:
    done = _systemctl(verb, unit)
    if done.returncode:
        said = " ".join(done.stderr.split())[:300]
        raise JoinError(f"systemctl {verb} {unit}: {said}; see `journalctl -u {unit}`")


def _systemctl(*words: str) -> subprocess.CompletedProcess[str]:
    return _run(["systemctl", "--no-ask-password", *words])


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))
