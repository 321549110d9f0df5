"""`./dev lab install`: a fresh Debian becomes a box, by the README's commands, and none again.

Each step is shown with its time and with what was seen; the first that fails is the last.
"""

from __future__ import annotations

import dataclasses
import pathlib
import tempfile
import time
from collections.abc import Sequence

from lab import uml_install_steps as steps
from lab.processes import LabError
from lab.soak_progress import Progress
from lab.uml_install_course import Course
from lab.uml_install_image import fresh
from lab.uml_site import Site


@dataclasses.dataclass(frozen=True, slots=True)
class Done:
    """One step: how long it took, what was seen, and what of it is wrong ("" where nothing is)."""

    suite: str
    name: str
    took_s: float
    seen: str
    problem: str = ""

    @property
    def met(self) -> bool:
        """Whether it came to what is asked for."""
        return not self.problem


def install(
    suite: str, short: bool, package: pathlib.Path, progress: Progress[Done] | None = None
) -> list[Done]:
    """Follow the steps on a fresh Debian, and return what was seen. The image must be there."""
    wanted = [step for step in steps.STEPS if step.short or not short]
    progress = progress or Progress(len(wanted), "steps")
    with tempfile.TemporaryDirectory(prefix="install-") as name:
        site = Site(pathlib.Path(name))
        course = Course(site, fresh(suite, runtime=short), package)
        try:
            site.start()
            for step in wanted:
                done = _done(course, step)
                progress.add(done, line(done))
                if done.problem or progress.ended:
                    break
        finally:
            course.stop()
            site.stop()
    return progress.found


def _done(course: Course, step: steps.Step) -> Done:
    begun_s = time.monotonic()
    seen, problem = "", ""
    try:
        seen = step.follow(course)
    except (LabError, OSError, KeyError, ValueError) as error:
        problem = f"{type(error).__name__}: {error}\n{course.words()}"
    return Done(course.box.suite, step.name, time.monotonic() - begun_s, seen, problem)


def line(done: Done) -> str:
    """Return what is said of a step."""
    return f"{done.suite:<8} {done.name:<28} {done.took_s:6.1f} s  {done.problem or done.seen}"


def table(found: Sequence[Done]) -> str:
    """Return what was seen, a line for each step."""
    return "\n".join(map(line, found))
