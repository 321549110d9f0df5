"""A box that has just been installed: Debian and nothing else, reached by a line of the lab's own.

The line is two folders of the host: it needs no network, and no program that Debian has not anyway.
"""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
import shlex
import time

from lab.processes import LabError, wait_for
from lab.uml import Network, UmlMachine
from lab.uml_install_image import Fresh

BOOT_S = 180.0


@dataclasses.dataclass(frozen=True, slots=True)
class Said:
    """What a question came to."""

    status: int
    text: str
    took_s: float


class Question:
    """One that was put; the box may still be at it."""

    def __init__(self, box: FreshBox, name: str, words: str) -> None:
        """`words` is what was asked, for errors."""
        self._box, self._name, self._words = box, name, words
        self._asked_s = time.monotonic()

    @property
    def said(self) -> str:
        """Return what was said so far."""
        place = self._box.line / f"{self._name}.said"
        return place.read_text(errors="replace") if place.exists() else ""

    def answer(self, most_s: float) -> Said:
        """Wait for the answer. Raises LabError."""
        place = self._box.line / f"{self._name}.status"

        def look() -> bool:
            self._box.must_be_alive()
            return place.exists()

        try:
            wait_for(f"{self._box.name}: {self._words}", look, most_s)
        except LabError as error:
            raise LabError(f"{error}\n{self.said[-3000:]}") from None
        took_s = time.monotonic() - self._asked_s
        return Said(int(place.read_text()), self.said, took_s)

    def is_over(self) -> bool:
        """Say whether the answer is there."""
        return (self._box.line / f"{self._name}.status").exists()


class FreshBox(UmlMachine):
    """One fresh box."""

    def __init__(self, folder: pathlib.Path, network: Network, number: int, fresh: Fresh) -> None:
        """Make its disk; `start` boots it, `wait` waits until it answers."""
        super().__init__(folder, network, number, fresh.disk)
        self.suite = fresh.suite
        self.line = self.host / "line"
        self.line.mkdir()
        (self.host / "network").write_text(self.network)
        self._numbers = itertools.count(1)

    def start(self) -> None:
        """Put the power on. Nothing that was asked before is answered any more."""
        for old in self.line.iterdir():
            old.unlink()
        super().start()

    def network_at_boot(self, there: bool) -> None:
        """Say whether there is a network when it boots."""
        off = self.host / "network-off"
        if there:
            off.unlink(missing_ok=True)
        else:
            off.touch()

    def must_be_alive(self) -> None:
        """Raise LabError when it has ended."""
        if self.process is None or not self.process.alive:
            raise LabError(f"{self.name} ended:\n{self.last_words()}")

    def wait(self, timeout_s: float = BOOT_S) -> None:
        """Wait until it answers."""
        self.run("true", most_s=timeout_s)

    def until_booted(self, timeout_s: float = BOOT_S) -> str:
        """Wait until systemd has started all that it starts; return how that went."""
        said = self.shell("systemctl is-system-running --wait", timeout_s, check=False)
        return said.text.strip()

    def ask(self, script: str, words: str = "") -> Question:
        """Have a script of bash run there, beside all others."""
        name = f"{next(self._numbers):05}"
        new = self.line / f"{name}.new-ask"
        new.write_text(script + "\n")
        new.rename(self.line / f"{name}.ask")
        return Question(self, name, words or script)

    def shell(self, script: str, most_s: float = 60.0, check: bool = True) -> Said:
        """Run a script of bash there, and return what came of it. Raises LabError if `check`."""
        said = self.ask(script).answer(most_s)
        if check and said.status:
            raise LabError(f"{self.name}: {script}: {said.status}\n{said.text[-4000:]}")
        return said

    def run(self, *words: str, most_s: float = 60.0, check: bool = True) -> str:
        """Run a program there, and return what it prints. Raises LabError if `check`."""
        return self.shell(shlex.join(words), most_s, check).text

    def write(self, path: str, text: str) -> None:
        """Write a file there, and the folders that it lies in."""
        name = f"file-{next(self._numbers):05}"
        (self.host / name).write_text(text)
        self.shell(f"mkdir -p $(dirname {path}) && cp /run/host/{name} {shlex.quote(path)}")

    def power_off(self, timeout_s: float = 120.0) -> None:
        """Shut it down in good order."""
        self.ask("systemctl poweroff")

        def look() -> bool:
            return self.process is None or not self.process.alive

        wait_for(f"{self.name} to power off", look, timeout_s)
        self.cut()
