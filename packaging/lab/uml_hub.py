"""`./dev lab hub`: a fresh Debian becomes a hub by the commands of docs/data-centre.md.

Its systemd runs the unit; a box joins, and the unit is stopped, killed and booted again. Each step is
shown with its time and with what was seen; the first that fails is the last.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from lab import apart
from lab.debian import bootstrap, run
from lab.image import way_to_packages
from lab.install import CACHE, ROOT, say
from lab.processes import LabError, Process, wait_for
from lab.uml import Network
from lab.uml_fresh import FreshBox
from lab.uml_install_image import BASE, Fresh, bootable

DOCUMENT = ROOT / "docs" / "data-centre.md"
SECTION = "As a systemd service"
NAME = "hub.example"
"""What the document has for a name, and a reader puts his own for."""
SUITE = "trixie"
CHECKOUT = "/root/skerry"
IN_CHECKOUT = ("pyproject.toml", "README.md", "wire", "agent", "hub", "packaging/lock", "systemd")
FETCHING = 4
"""So many of the commands need a network, and are followed when the disk is made."""
NODE = "box-1"
MOST_SCORE = 1.2
UNIT = "skerry-hub.service"


def commands(text: str | None = None) -> tuple[list[str], list[str]]:
    """Return the commands that install a hub, and those that are for one that runs.

    Raises LabError where the document has no such section.
    """
    text = DOCUMENT.read_text() if text is None else text
    section = re.search(rf"^## {SECTION}\n(.*?)(?=^## )", text, re.M | re.S)
    blocks = re.findall(r"^```sh\n(.*?)^```$", section[1] if section else "", re.M | re.S)
    if len(blocks) != 2:
        raise LabError(f"{DOCUMENT.name}, {SECTION}: {len(blocks)} blocks of commands, not 2")
    first, second = (block.strip().splitlines() for block in blocks)
    return first, second


# --- the disk, made with this machine's network ---------------------------------------------------


def disk(folder: pathlib.Path) -> pathlib.Path:
    """Make a Debian on which the first commands were followed; return its disk. Only root may."""
    root, made = folder / "root", folder / "root.img"
    bootstrap(folder, root, (*BASE, "python3"), SUITE)
    names = subprocess.run(
        ["git", "ls-files", "-z", *IN_CHECKOUT],
        cwd=ROOT, capture_output=True, check=True,
    ).stdout.decode()  # fmt: skip
    for name in filter(None, names.split("\0")):
        place = root / CHECKOUT.lstrip("/") / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, place)
    settings, authority = way_to_packages()
    (root / "etc" / "pip.conf").write_text(settings)
    if authority is not None:
        shutil.copyfile(authority, root / "run" / "ca.pem")
    fetching = folder / "apt.conf"  # that `bootstrap` wrote: this machine's way, for now
    shutil.copyfile(fetching, root / "etc" / "apt" / "apt.conf.d" / "99lab")
    shutil.copyfile("/etc/resolv.conf", root / "etc" / "resolv.conf")
    (root / "etc" / "hosts").write_text(f"127.0.0.1 localhost {socket.gethostname()}\n")
    path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
    inside = [
        "chroot",
        str(root),
        "env",
        "-i",
        path,
        "HOME=/root",
        "DEBIAN_FRONTEND=noninteractive",
    ]
    run([*inside, "apt-get", "-qq", "update"])
    for line in commands()[0][:FETCHING]:
        run([*inside, "sh", "-c", f"cd {CHECKOUT} && {line} <<E\ny\nE"])
    for left in ("etc/pip.conf", "run/ca.pem", "etc/apt/apt.conf.d/99lab"):
        (root / left).unlink(missing_ok=True)
    bootable(root, made)
    return made


# --- the course, apart from this machine's network ------------------------------------------------


class Course:
    """The machine of the hub, and a box of processes here, which joins it."""

    def __init__(self, folder: pathlib.Path, found: pathlib.Path) -> None:
        """Prepare; the first step boots."""
        self.folder = folder
        self.network = Network()
        self.network.start()
        self.machine = FreshBox(folder / "hub", self.network, 1, Fresh(SUITE, found, folder))
        self.agent: Process | None = None
        self.token = ""

    @property
    def environment(self) -> dict[str, str]:
        """Return the settings of the box and of the operator."""
        box, home = self.folder / "box", self.folder / "operator"
        box.mkdir(exist_ok=True)
        home.mkdir(exist_ok=True)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SKERRY_", "XDG_"))}
        return {
            **kept,
            "HOME": str(home),
            "NO_COLOR": "1",
            "SKERRY_AGENT_STATE": str(box / "agent"),
            "SKERRY_AGENT_CONTROL": str(box / "control.sock"),
            "SKERRY_AGENT_EXECUTOR": str(box / "none.sock"),
            "SKERRY_AGENT_HEARTBEAT_S": "1",
        }

    def here(self, module: str, *words: str, data: str = "") -> str:
        """Run one of Skerry's programs here; return what it prints. Raises LabError."""
        done = subprocess.run(
            [sys.executable, "-m", module, *words],
            capture_output=True, text=True, input=data, env=self.environment, timeout=120,
            check=False,
        )  # fmt: skip
        if done.returncode:
            raise LabError(f"{module} {words[0]}: {done.stderr}{done.stdout}")
        return done.stdout

    def there(self, beginning: str) -> str:
        """Run the document's command that begins so; return what it prints. Raises LabError."""
        fits = [one for lines in commands() for one in lines if one.startswith(beginning)]
        if len(fits) != 1:
            raise LabError(f"{DOCUMENT.name}: {len(fits)} commands begin with {beginning!r}")
        line = fits[0].replace(NAME, self.machine.address)
        return self.machine.shell(f"cd {CHECKOUT} && {line}", 180).text

    def hub(self, *words: str) -> str:
        """Run `skerry-hub` there, on its data folder."""
        data = ("--data", "/var/lib/skerry-hub")
        return self.machine.run("sudo", "/opt/skerry/bin/skerry-hub", *words, *data)

    def until_ready(self) -> float:
        """Wait until each part of the hub works; return how long that took."""
        began_s = time.monotonic()

        def look() -> bool:
            with_ready = "sudo /opt/skerry/bin/skerry-hub healthcheck"
            try:
                self.there(with_ready)
            except LabError:
                self.machine.must_be_alive()
                return False
            return True

        wait_for("the hub to be ready", look, 120)
        return time.monotonic() - began_s

    def until_online(self, since_s: float) -> float:
        """Wait until the hub has heard of the box after a moment; return how long that took."""

        def look() -> bool:
            try:
                told = self.here("skerry_cli", "get", "nodes", "-o", "json")
            except LabError:
                return False
            return any(
                one["liveness"] == "online" and one["last_seen"] > since_s
                for one in json.loads(told)["items"]
            )

        wait_for(f"{NODE} to be online", look, 120)
        return time.time() - since_s

    def words(self) -> str:
        """Return what the unit says, for what went wrong."""
        try:
            logs = (
                f"journalctl --no-pager -n 60 -u {UNIT}; tail /var/lib/skerry-hub/mosquitto/*.log"
            )
            return self.machine.shell(logs, check=False).text
        except (LabError, OSError) as error:
            return f"{error}\n{self.machine.last_words()}"

    def stop(self) -> None:
        """End everything."""
        if self.agent is not None:
            self.agent.stop()
        self.machine.stop()
        self.network.stop()


def boot(course: Course) -> str:
    """Boot it, and follow the rest of the commands."""
    course.machine.start()
    course.machine.wait()
    state = course.machine.until_booted()
    for line in commands()[0][FETCHING:]:
        course.there(line)
    ready_s = course.until_ready()
    memory = course.machine.run("systemctl", "show", "-P", "MemoryCurrent", UNIT).strip()
    mib = int(memory) / 2**20 if memory.isdecimal() else 0
    return f"systemd {state}; every part works after {ready_s:.1f} s; {mib:.0f} MiB"


def security(course: Course) -> str:
    """Ask systemd what the unit leaves open."""
    said = course.machine.run("systemd-analyze", "security", "--no-pager", UNIT)
    found = re.search(r"exposure level for \S+: ([\d.]+)", said)
    if found is None or float(found[1]) > MOST_SCORE:
        raise LabError(said)
    owner = course.machine.shell(
        "stat -c '%U %a' /var/lib/skerry-hub; ps -o user= -C mosquitto | sort -u"
    ).text.split()
    if owner != ["skerry-hub", "700", "skerry-hub"]:
        raise LabError(f"folder and mosquitto: {owner}")
    return f"{found[1]}; hub and its mosquitto are skerry-hub, the folder nobody else's"


def join(course: Course) -> str:
    """Make an operator's token and one for a box, which joins."""
    printed = course.there("sudo /opt/skerry/bin/skerry-hub access create")
    token = next(one for one in printed.split() if one.startswith("ska_"))
    pin = next(one for one in course.hub("ca", "--pin").split() if one.startswith("sha256:"))
    url = f"https://{course.machine.address}:8443"
    course.here("skerry_cli", "login", url, "--ca-pin", pin, "--token", "-", data=token)
    printed = course.there("sudo /opt/skerry/bin/skerry-hub token create")
    line = next(one for one in printed.splitlines() if "skerry-agent join" in one)
    began_s = time.time()
    words = shlex.split(line)[2:]
    keys = course.folder / "keys"
    keys.mkdir()
    more = ("--node-id", NODE, "--trusted-keys", str(keys), "--no-start")
    course.here("skerry_agent.main", *words, *more)
    program = [sys.executable, "-m", "skerry_agent.main", "run"]
    course.agent = Process("agent", program, course.folder, course.environment)
    return f"{NODE} is online {course.until_online(began_s):.1f} s after its command"


def drain(course: Course) -> str:
    """Stop the unit in good order, and start it."""
    took_s = course.machine.shell(f"systemctl stop {UNIT}", 60).took_s
    result = course.machine.run("systemctl", "show", "-P", "Result", UNIT).strip()
    if result != "success":
        raise LabError(f"it ended with {result}")
    left = course.machine.shell("pgrep -u skerry-hub -l", check=False).text
    if left:
        raise LabError(f"left behind: {left}")
    began_s = time.time()
    course.machine.run("systemctl", "start", UNIT)
    return f"stopped in {took_s:.1f} s; {NODE} online {course.until_online(began_s):.1f} s later"


def kill(course: Course) -> str:
    """Kill the hub; systemd starts it again."""
    began_s = time.time()
    course.machine.run("systemctl", "kill", "--signal=KILL", UNIT)
    took_s = course.until_online(began_s + 0.5)
    count = course.machine.run("systemctl", "show", "-P", "NRestarts", UNIT).strip()
    if count != "1":
        raise LabError(f"{count} restarts")
    return f"kill -9 of hub and broker; {NODE} online after {took_s:.1f} s"


def power_cut(course: Course) -> str:
    """Cut the power, and put it on again."""
    course.machine.cut()
    began_s = time.time()
    course.machine.start()
    course.machine.wait()
    return f"{NODE} online {course.until_online(began_s):.1f} s after power on"


def backup(course: Course) -> str:
    """Back it up while it runs, and verify the log of what was done."""
    course.machine.run("systemctl", "enable", "--now", "skerry-hub-backup.timer")
    course.machine.run("systemctl", "start", "skerry-hub-backup.service")
    mode, owner, size = course.machine.shell(
        "stat -c '%a %U %s' /var/lib/skerry-hub-backups/hub-*.skerry-backup"
    ).text.split()
    if (mode, owner) != ("600", "skerry-hub"):
        raise LabError(f"the backup's mode is {mode}, its owner {owner}")
    course.machine.shell(
        "/opt/skerry/bin/skerry-hub restore --check /var/lib/skerry-hub-backups/hub-*.skerry-backup"
    )
    return (
        f"{int(size) / 1024:.0f} KiB by its own unit; "
        + course.here("skerry_cli", "audit", "verify").strip()
    )


STEPS: tuple[tuple[str, Callable[[Course], str]], ...] = (
    ("a fresh Debian, installed", boot),
    ("systemd-analyze security", security),
    ("a box joins", join),
    ("systemctl stop, start", drain),
    ("kill -9", kill),
    ("power cut", power_cut),
    ("backup, audit verify", backup),
)


def follow(found: pathlib.Path) -> bool:
    """Follow the steps, shown one by one; say whether all came to what is asked for."""
    with tempfile.TemporaryDirectory(prefix="hub-") as name:
        course = Course(pathlib.Path(name), found)
        try:
            for what, step in STEPS:
                began_s = time.monotonic()
                try:
                    seen, met = step(course), True
                except (LabError, OSError, LookupError, ValueError, StopIteration) as error:
                    seen, met = f"{type(error).__name__}: {error}\n{course.words()}", False
                print(f"{what:<26} {time.monotonic() - began_s:6.1f} s  {seen}", flush=True)
                if not met:
                    return False
        finally:
            course.stop()
    return True


def main() -> int:
    """Make the disk, then follow the steps apart; return the exit status."""
    if os.geteuid() != 0:
        print("./dev lab hub: only root may start machines", file=sys.stderr)
        return 2
    try:
        if apart.is_apart(os.environ):
            return 0 if follow(pathlib.Path(sys.argv[1])) else 1
        CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="hub-") as name:
            say("making a Debian with a hub (a minute or two)")
            made = disk(pathlib.Path(name))
            return apart.run_apart([sys.executable, "-m", "lab.uml_hub", str(made)])
    except LabError as error:
        print(f"./dev lab hub: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return apart.INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
