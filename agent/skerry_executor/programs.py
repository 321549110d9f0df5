"""The programs that are being run within containers, noted so that none outlives who waits for it.

A run of the executor ends its programs itself. One that is killed cannot: the next run finds here
what it left. The notes lie on tmpfs, since a boot ends containers with all that is in them.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import threading
from collections.abc import Callable, Iterator

from skerry_executor import whole_file
from skerry_executor.log import log
from skerry_executor.runtimes.base import Runtime, RuntimeFailure

FOLDER = "programs"
MAX_NOTE_BYTES = 4096
TRY_S = 60.0
"""How long a runtime that does not answer is asked again; then the next run does."""
AGAIN_S = 1.0


def are_left(run: pathlib.Path) -> bool:
    """Say whether there are notes; while no run is up, they are of programs that were left."""
    return bool(_notes(run / FOLDER))


class Programs:
    """Those of one run. `note` may be used by any thread."""

    def __init__(self, run: pathlib.Path) -> None:
        """Find what an earlier run left in `run`; there is one run at a time."""
        self._folder = run / FOLDER
        self._left = _notes(self._folder)

    @contextlib.contextmanager
    def noted(self, runtime: Runtime) -> Iterator[Callable[[str], None]]:
        """Give what notes a program, by what its runtime calls it; forgotten with the end."""
        path = self._folder / os.urandom(8).hex()

        def note(token: str) -> None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            whole_file.write(path, f"{runtime.name}\n{token}".encode(), durable=False)

        try:
            yield note
        finally:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def end_left(self, open_runtime: Callable[[], Runtime], ended: threading.Event) -> None:
        """End what an earlier run left; give up for now after a time, or once `ended` is set."""
        for _ in range(round(TRY_S / AGAIN_S)):
            self._left = [path for path in self._left if not self._end(path, open_runtime)]
            if not self._left or ended.wait(AGAIN_S):
                return

    @property
    def has_left(self) -> bool:
        """Say whether something of an earlier run is still to be ended."""
        return bool(self._left)

    def _end(self, path: pathlib.Path, open_runtime: Callable[[], Runtime]) -> bool:
        try:
            with open(path, "rb") as file:
                name, _, token = file.read(MAX_NOTE_BYTES).decode(errors="replace").partition("\n")
            runtime = open_runtime()
            if runtime.name == name:
                runtime.end_program(token)
                log("info", "ended a program that an earlier run had left", runtime=name)
            path.unlink(missing_ok=True)
        except FileNotFoundError:
            return True
        except (OSError, RuntimeFailure) as error:
            log("warning", "a program that was left cannot be ended yet", reason=str(error))
            return False
        return True


def _notes(folder: pathlib.Path) -> list[pathlib.Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
