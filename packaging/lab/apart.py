"""Runs a program apart: with processes, mounts, network and a folder of its own.

The kernel ends all of that with it, however it ends: two that run at once do not disturb each other,
and none leaves a process, a mount, a bridge or a name behind. Only root may.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

from lab.debian import run
from lab.install import ROOT

CONTROL = "SKERRY_LAB_CONTROL"
"""Set within: the descriptor by which it is told to end."""
NAMESPACES = ("--fork", "--kill-child", "--pid", "--mount-proc", "--mount", "--net")
OWN_FOLDERS = ("/run/netns", "/var/lib/cni")
"""Where programs keep what they know of networks: those of this machine are not there."""
PATIENCE_S = 20.0
"""So long it may take to end at once, before it is killed."""
INTERRUPTED = 130
"""The exit status of what was told to end at once."""
_SOON, _NOW = b"s", b"n"


def environment() -> dict[str, str]:
    """Return this process's environment, with which another Python finds this package."""
    known = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    places = dict.fromkeys([str(ROOT / "packaging"), *filter(None, known)])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(places)}


# --- without --------------------------------------------------------------------------------------


def run_apart(command: Sequence[str], patience_s: float = PATIENCE_S) -> int:
    """Run a command apart, and return its exit status (128 and the signal's number).

    The first SIGINT tells it to end soon, the second, SIGTERM or SIGHUP at once.
    """
    folder = tempfile.mkdtemp(prefix="lab-")  # podman takes no long paths
    reading, writing = os.pipe()
    try:
        child = subprocess.Popen(
            ["unshare", *NAMESPACES, sys.executable, "-m", "lab.apart", *command],
            cwd=ROOT,
            env={**environment(), CONTROL: str(reading), "TMPDIR": folder},
            pass_fds=[reading],
            # Ctrl-C in a terminal is for this process alone, which passes it on: else it would end
            # each program within, too.
            start_new_session=True,
        )
        os.close(reading)
        with _passing_on(child, writing, patience_s):
            status = child.wait()
        return status if status >= 0 else 128 - status
    finally:
        os.close(writing)
        if os.path.exists(folder):  # the first process had no time to
            _tidy(folder)


@contextlib.contextmanager
def _passing_on(child: subprocess.Popen[bytes], pipe: int, patience_s: float) -> Iterator[None]:
    asked = 0

    def pass_on(number: int, _frame: object) -> None:
        nonlocal asked
        asked = this = asked + 1 if number == signal.SIGINT else 2
        with contextlib.suppress(OSError):
            os.write(pipe, _SOON if this == 1 else _NOW)
        # Not `asked`: the next one may come in the middle of this.
        if this == 2 and not insisting.is_alive():
            insisting.start()

    # Whatever it is that hangs: with the first process, the kernel ends all of them.
    insisting = threading.Timer(patience_s, child.kill)
    insisting.daemon = True
    before = {
        number: signal.signal(number, pass_on)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        insisting.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)


# --- what is left ---------------------------------------------------------------------------------


def _tidy(folder: str) -> None:
    """Remove a folder, what is mounted below it, and the cgroups of containers that were there.

    Those no namespace has, so they stay where nobody had the time to remove a container.
    """
    places = [line.split()[1] for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
    for place in reversed([one for one in places if one.startswith(f"{folder}/")]):
        subprocess.run(["umount", "--lazy", place], check=False, capture_output=True)
    stores = pathlib.Path(folder).glob("**/overlay-containers/*/userdata")
    ids = {place.parent.name for place in stores}
    for place, _, _ in os.walk("/sys/fs/cgroup", topdown=False) if ids else ():
        if any(one in place for one in ids):
            with contextlib.suppress(OSError):
                os.rmdir(place)
    shutil.rmtree(folder, ignore_errors=True)


# --- within: the first process, and the program ---------------------------------------------------


def main(command: Sequence[str]) -> int:
    """Be the first process: run the command, take in all orphans, end them, and tidy up."""
    for place in OWN_FOLDERS:
        os.makedirs(place, exist_ok=True)
        run(["mount", "-t", "tmpfs", "none", place])
    run(["ip", "link", "set", "lo", "up"])
    child = subprocess.Popen(command, pass_fds=[int(os.environ[CONTROL])])
    pid, status = 0, 0
    while pid != child.pid:
        pid, status = os.wait()
    child.returncode = os.waitstatus_to_exitcode(status)
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(-1, signal.SIGKILL)
        while True:
            os.wait()
    _tidy(os.environ["TMPDIR"])
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def is_apart(environment: Mapping[str, str]) -> bool:
    """Say whether this process runs apart already."""
    return CONTROL in environment


def listen(soon: Callable[[], None], now: Callable[[], object]) -> None:
    """Call `soon` when told to end soon; `now`, and end, when it is to be at once.

    The same when who runs it is gone. Nothing needs to be tidied up: it is done without.
    """

    def look() -> None:
        control = int(os.environ[CONTROL])
        try:
            while os.read(control, 1) == _SOON:
                soon()
            now()
        finally:
            os._exit(INTERRUPTED)

    threading.Thread(target=look, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
