"""Ends and removes all that Skerry runs on this box: for a box that is to have no Skerry any more.

When a package is purged its programs are gone already. So they are kept at its removal, in one
file in the state folder that needs nothing but Python, with the runtime that was in use.
"""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import shutil
import zipfile
from collections.abc import Callable, Iterable, Sequence

import msgpack

import skerry_executor
import skerry_wire
from skerry_executor import leasing, whole_file
from skerry_executor.actual import Actual, Phase
from skerry_executor.cancel import Cancel
from skerry_executor.pulled_images import PulledImages
from skerry_executor.runtimes.base import Failure, Runtime, RuntimeFailure
from skerry_executor.settings import Settings

FILE = "purge.pyz"
ANY_NODE = ""
WORKERS = 8
_OVER = (Phase.CREATED, Phase.EXITED, Phase.REMOVING, Phase.DAMAGED)
_PROGRAMS = {
    "podman": ("podman",),
    "docker": ("dockerd",),
    "containerd": ("containerd",),
    "kubelet": ("kubelet", "k3s"),
}
_MAIN = """\
import sys
from skerry_executor.main import main
sys.exit(main({arguments!r}))
"""


class PurgeError(Exception):
    """Not all could be ended; says what, and why."""


def end_all(runtime: Runtime, pulled: PulledImages) -> tuple[str, ...]:
    """Stop and remove every container of ours, then the images pulled for them.

    Returns the names of the containers. Raises PurgeError.
    """
    try:
        found = runtime.containers(ANY_NODE)
        stop(runtime, found)
        # One whose network another has cannot go before that one.
        for _ in found:
            left = runtime.containers(ANY_NODE)
            if not left:
                break
            if not _remove(runtime, left):
                raise PurgeError(f"{left[0].name} cannot be removed: others have its network")
    except RuntimeFailure as failure:
        raise PurgeError(failure.reason) from None
    pulled.remove_all(runtime)
    return tuple(one.name for one in found)


def stop(runtime: Runtime, found: Iterable[Actual]) -> None:
    """Stop containers, several instances at once, each within its grace. Raises RuntimeFailure."""
    instances: dict[str, list[Actual]] = {}
    for one in found:
        if one.phase not in _OVER:
            instances.setdefault(one.instance, []).append(one)

    def work(ours: Sequence[Actual]) -> None:
        for one in ours:
            runtime.stop(one.id, one.stop_grace_s, Cancel())

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        for done in [pool.submit(work, ours) for ours in instances.values()]:
            done.result()


def _remove(runtime: Runtime, found: Iterable[Actual]) -> bool:
    """Remove what can be removed by now; say whether anything was."""
    removed = False
    for one in found:
        try:
            runtime.remove(one.id)
        except RuntimeFailure as failure:
            if failure.kind is not Failure.JOINED:
                raise
        else:
            removed = True
    return removed


def is_installed(name: str, which: Callable[[str], str | None] = shutil.which) -> bool:
    """Say whether a runtime's program is on the box: without it, nothing of it can run."""
    names = _PROGRAMS.get(name) or [one for several in _PROGRAMS.values() for one in several]
    return any(which(one) for one in names)


def end_leased(settings: Settings, runtime: Runtime) -> tuple[str, ...]:
    """Stop what has a lease or a deadline, and return the instances.

    Nobody will be there to end it in time, and the hub counts on that. Raises RuntimeFailure and
    StateError.
    """
    leased = {one.instance for one in leasing.kept(settings.run, settings.root).terms}
    if not leased:
        return ()
    found = [one for one in runtime.containers(ANY_NODE) if one.instance in leased]
    running = [one for one in found if one.phase not in _OVER]
    stop(runtime, running)
    return tuple(sorted({one.instance for one in running}))


def keep_programs(settings: Settings, runtime: str) -> pathlib.Path:
    """Write the file with which Python can purge without this installation. Raises OSError.

    `runtime` is the one that was in use.
    """
    arguments = ["purge", "--yes", "--state", str(settings.state), "--run", str(settings.run)]
    arguments += ["--runtime", runtime]
    if settings.runtime_socket is not None:
        arguments += ["--runtime-socket", settings.runtime_socket]
    if settings.pod_manifests is not None:
        arguments += ["--pod-manifests", str(settings.pod_manifests)]
    path = settings.state / FILE
    beside = path.with_suffix(".new")
    settings.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with beside.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            # Its own part in Python serves where the compiled one cannot be loaded.
            for package in (skerry_executor, skerry_wire, msgpack):
                folder = pathlib.Path(str(package.__file__)).parent
                for source in sorted(folder.rglob("*.py")):
                    archive.write(source, source.relative_to(folder.parent))
            archive.writestr("__main__.py", _MAIN.format(arguments=arguments))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    whole_file.sync_folder(settings.state)
    return path


def forget_programs(settings: Settings) -> None:
    """Remove that file. Raises OSError."""
    (settings.state / FILE).unlink(missing_ok=True)
