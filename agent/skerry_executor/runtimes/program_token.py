"""By what a program that runs within a container is known later on, in one line. Pure.

The runtime's own name for it is known before it starts, its process only then. With that, what it
started can be ended although it has ended itself.
"""

from __future__ import annotations

from skerry_executor.lease import Process
from skerry_wire.frozen import frozen


@frozen()
class ProgramToken:
    """The name has words of letters, digits and dashes, with a slash between."""

    name: str
    process: Process | None = None

    def __str__(self) -> str:
        one = self.process
        return self.name if one is None else f"{self.name} {one.pid} {one.started}"


def parse(text: str) -> ProgramToken:
    """Return the token of a line; of one that is damaged what can be read."""
    name, *numbers = text.split(" ")
    if len(numbers) != 2 or not all(one.isdecimal() for one in numbers):
        return ProgramToken(name)
    pid, started = map(int, numbers)
    return ProgramToken(name, Process(pid=pid, started=started))
