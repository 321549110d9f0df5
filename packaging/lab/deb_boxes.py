"""The package on a whole box with a systemd of its own, and no hub: what the tools of the package do.

What a box does with its hub is tried by `./dev lab install`; this needs none, and looks closer at
the units: what their sandboxes hide, and what an upgrade, a removal and a purge do to what runs.
"""

from __future__ import annotations

import json
import pathlib
import re
import shlex
import tempfile
import time
from collections.abc import Callable

from lab import deb_later, deb_repository
from lab.deb_checks import MOST_EXPOSED
from lab.deb_cycle import Step
from lab.folders_http import Folders
from lab.podman import image_tar
from lab.processes import LabError, wait_for
from lab.uml import GATEWAY, Network
from lab.uml_fresh import FreshBox
from lab.uml_install_course import leaves
from lab.uml_install_image import Fresh

INSTALL_S = 600.0
IMAGE = "localhost/skerry-demo-web:1"
CONTAINERS = {"skerry-a-0-web": "a-0", "skerry-b-0-web": "b-0"}
LOOK = "skerry-look.service"
_ORDER = """\
import sys, os, pathlib
sys.path.insert(0, "/usr/share/skerry-agent/" + os.listdir("/usr/share/skerry-agent")[0])
from skerry_executor import state
folder = pathlib.Path("/var/lib/skerry-executor")
state.save(folder, state.Accepted(
    node="box-1", incarnation="0" * 32, generation=1, digest="a" * 64, envelope=b""))
"""
_MOVES = re.compile(
    "temperature|available|used|free|load|percent|uptime|_s$|utilization|hz$|measured|bogomips|duration"
)
_SEES = """\
import os, sys
# What can be seen and read of the box, each path by what it is.
def told(path):
    try:
        found = os.lstat(path)
    except OSError as error:
        return error.strerror
    return f"{found.st_mode & 0o170777:o} {found.st_rdev}"
def shown(path):
    try:
        with open(path, "rb") as file:
            file.read(1)
    except OSError as error:
        return error.strerror
    return "read"
for root in ("/dev", "/sys/bus", "/sys/class", "/sys/devices", "/sys/firmware", "/sys/module"):
    for folder, folders, names in os.walk(root):
        for name in folders + names:
            print(os.path.join(folder, name), told(os.path.join(folder, name)))
for name in sorted(os.listdir("/proc")):
    if not name.isdecimal() and os.path.isfile("/proc/" + name) and name != "kmsg":
        print("/proc/" + name, shown("/proc/" + name))
for place in ("/proc/net/dev", "/proc/self/mounts", "/etc/os-release", "/run/udev"):
    print(place, shown(place))
"""
MAY_DIFFER = re.compile(
    r"^/dev/(kmsg |shm/|mqueue|pts/|hugepages)|^/proc/(kcore|kallsyms|timer_list) |/power/"
)
"""Which of that the sandbox may show otherwise: what belongs to a process, or to the kernel alone."""


class PackagedBox:
    """One fresh box on its way from nothing to nothing, and what was seen at each step."""

    def __init__(self, folder: pathlib.Path, fresh: Fresh, package: pathlib.Path) -> None:
        """`package` is published where the box fetches it."""
        self._folder = folder
        self._package = package
        self._network = Network()
        self._network.start()
        self._web = Folders(GATEWAY)
        self._repository = folder / "repository"
        self._packages = self._web.add("skerry", self._repository)
        self._publish(package)
        self._debian = self._web.add("debian", fresh.archive)
        self._box = FreshBox(folder / "box-1", self._network, 1, fresh)
        self._box.synchronous = False
        self.steps: list[Step] = []

    def _publish(self, package: pathlib.Path) -> None:
        key = self._folder / "repository.key"
        deb_repository.add(self._repository, [package], key, self._packages, time.time())

    def run(self) -> list[Step]:
        """Do every step, as long as they go; return what was seen."""
        for step in (
            self.booted, self.installed, self.scored, self.sees, self.credentials, self.logs, self.works,
            self.upgraded, self.removed, self.not_purged, self.purged,
        ):  # fmt: skip
            self._step(step)
            if self.steps[-1].problems:
                break
        return self.steps

    def _step(self, step: Callable[[], list[str]]) -> None:
        begun = time.monotonic()
        try:
            problems = step()
        except LabError as error:
            problems = [str(error), self._words()]
        name = (step.__doc__ or "").rstrip(".")
        self.steps.append(Step(name, time.monotonic() - begun, tuple(problems)))

    def _words(self) -> str:
        try:
            return self._box.shell("journalctl --no-pager -n 40", check=False).text
        except LabError as error:
            return str(error)

    def stop(self) -> None:
        """End everything."""
        self._box.stop()
        self._web.stop()
        self._network.stop()

    # --- the steps --------------------------------------------------------------------------------

    def booted(self) -> list[str]:
        """A fresh Debian boots."""
        box = self._box
        box.start()
        box.wait()
        box.until_booted()
        where = f"Types: deb\nURIs: {self._debian}\nSuites: ./\nTrusted: yes\n"
        box.write("/etc/apt/sources.list.d/debian.sources", where)
        box.write("/etc/apt/keyrings/skerry.asc", (self._repository / "skerry.asc").read_text())
        snippet = (self._repository / "skerry.sources").read_text()
        box.write("/etc/apt/sources.list.d/skerry.sources", snippet)
        return []

    def installed(self) -> list[str]:
        """The package is installed, with all that it depends on."""
        said = self._box.shell(
            "apt-get -q update && apt-get -qq -y install skerry-agent", INSTALL_S
        )
        found = [line for line in said.text.splitlines() if line.startswith(("W:", "E:"))]
        # podman.socket: on Debian 13 nobody else starts it.
        units = ("skerry-agent", "skerry-executor.socket", "podman.socket")
        told = self._box.run("systemctl", "is-active", *units, check=False).split()
        found += [] if told == ["active"] * 3 else [f"{units}: {told}"]
        wanted = self._box.run("systemctl", "show", "-P", "Wants", "skerry-boot.target").split()
        enabled = self._box.run(
            "systemctl", "is-enabled", "skerry-boot.target", check=False
        ).strip()
        if "podman-restart.service" not in wanted or enabled != "enabled":
            found.append(f"skerry-boot.target: {wanted}, {enabled}")
        return found

    def scored(self) -> list[str]:
        """systemd-analyze security, of the units as they are loaded."""
        found = []
        for unit, most in MOST_EXPOSED.items():
            said = self._box.run("systemd-analyze", "security", "--no-pager", f"{unit}.service")
            level = re.search(r"exposure level for \S+: ([\d.]+)", said)
            if level is None or float(level[1]) > most:
                found.append(said.splitlines()[-1])
        return found

    def sees(self) -> list[str]:
        """The agent's sandbox hides nothing that a probe reads."""
        box = self._box
        # What a driver would have made: the sandbox must show nodes that come later, too.
        box.shell("mkdir -p /dev/dri && mknod -m 666 /dev/dri/renderD128 c 226 128")
        program = "/usr/bin/skerry-agent capability --json --slow"
        open_look = leaves(json.loads(box.run(*program.split())))
        shut_look = leaves(json.loads(self._in_sandbox(program)))
        found = _differences(open_look, shut_look, _MOVES)
        box.write("/usr/local/lib/sees.py", _SEES)
        program = "/usr/bin/python3 -I /usr/local/lib/sees.py"
        user = "setpriv --reuid=skerry-agent --regid=skerry-agent --clear-groups"
        open_look = _lines(box.run(*shlex.split(f"{user} {program}")))
        shut_look = _lines(self._in_sandbox(program))
        if "/dev/dri/renderD128" not in shut_look or len(open_look) < 1000:
            found.append(f"only {len(open_look)} paths outside, {len(shut_look)} within")
        return [*found, *_differences(open_look, shut_look, MAY_DIFFER)][:20]

    def _in_sandbox(self, program: str) -> str:
        """Run a program as the agent's unit would, in all but how it is started; return its output."""
        box = self._box
        unit = box.run("cat", "/usr/lib/systemd/system/skerry-agent.service")
        service = unit[unit.index("[Service]") : unit.index("[Install]")]
        left_out = ("Type=", "Exec", "Restart", "Watchdog", "Timeout", "StateDirectory", "Runtime")
        kept = [one for one in service.splitlines() if not one.startswith(left_out)]
        lines = [
            *kept,
            "Type=oneshot",
            f"ExecStart={program}",
            "StandardOutput=truncate:/var/tmp/look",
        ]
        box.write(f"/etc/systemd/system/{LOOK}", "[Unit]\n" + "\n".join(lines) + "\n")
        box.shell(f"systemctl daemon-reload && systemctl start {LOOK}", 120)
        return box.run("cat", "/var/tmp/look")

    def credentials(self) -> list[str]:
        """What root put into the credential store reaches the agent, and nobody else."""
        box = self._box
        box.shell("mkdir -p /etc/credstore && echo secret >/etc/credstore/skerry.broker-key")
        box.shell("chmod -R go= /etc/credstore && systemctl restart skerry-agent", 60)
        place = "/run/credentials/skerry-agent.service/skerry.broker-key"
        user = "setpriv --reuid={0} --regid={0} --clear-groups cat " + place
        mine = box.shell(user.format("skerry-agent"), check=False)
        others = box.shell(
            user.format("nobody").replace("regid=nobody", "regid=nogroup"), check=False
        )
        box.shell("rm -r /etc/credstore && systemctl restart skerry-agent", 60)
        found = [] if mine.text == "secret\n" else [f"the agent reads {mine.text}"]
        return [*found, f"nobody reads {others.text}"] if others.status == 0 else found

    def logs(self) -> list[str]:
        """The journal has the agent's lines with priority, identifier and node."""
        # It waits to be joined, and has something to do once a broker is named, be it none.
        where = (
            r's|^# broker = .*|broker = "mqtt://127.0.0.1:1"|; s|^# node_id = .*|node_id = "box-1"|'
        )
        self._box.run("sed", "-i", where, "/etc/skerry/agent.toml")
        self._box.run("systemctl", "restart", "skerry-agent")
        wait_for("a line of its own", lambda: "broker:" in self._words(), 60)
        said = self._box.run("journalctl", "-u", "skerry-agent", "-o", "json", "--no-pager")
        entries = [json.loads(line) for line in said.splitlines()]
        own = [one for one in entries if one.get("_COMM", "").startswith(("skerry", "python"))]
        found = [] if own else ["the agent has logged nothing"]
        texts = [one.get("MESSAGE", "") for one in own]
        found += [f"a priority in the text: {text}" for text in texts if text.startswith("<")]
        if not any(one.get("PRIORITY") in ("3", "4") for one in own):
            found.append("no line is a warning, though there is no broker")
        if not any(one.get("SKERRY_NODE") == "box-1" for one in own):
            found.append("no line names the node")
        return found

    def works(self) -> list[str]:
        """Containers run that were made as the executor makes them."""
        box = self._box
        (box.host / "image.tar").write_bytes(image_tar())
        box.run("podman", "import", "-q", "/run/host/image.tar", IMAGE)
        for name, instance in CONTAINERS.items():
            labels = {"node": "box-1", "instance": instance, "container": "web", "workload": "w"}
            labels |= {"revision": "0123456789ab", "spec": "1"}
            words = [
                word
                for key, text in labels.items()
                for word in ("--label", f"io.skerry.{key}={text}")
            ]
            box.run("podman", "run", "-d", "--network=host", "--restart=always", "--name", name, *words,
                    IMAGE, "/bin/sleep", "1000000")  # fmt: skip
        box.write("/usr/local/lib/order.py", _ORDER)
        box.run("python3", "-I", "/usr/local/lib/order.py")
        return [] if set(self._running()) == set(CONTAINERS) else [str(self._running())]

    def upgraded(self) -> list[str]:
        """An upgrade: agent and executor are replaced, the socket and what runs stay."""
        box = self._box
        # As while something has a lease: a run of the executor that is there all the time.
        box.ask("exec 3<>/dev/null; python3 -c \"import socket,time; s=socket.socket(socket.AF_UNIX);"
                " s.connect('/run/skerry/executor.sock'); time.sleep(8)\"")  # fmt: skip
        wait_for("the executor", lambda: self._main_pid("skerry-executor.service") != "0", 30)
        before = self._running(), self._since("skerry-executor.socket")
        pids = self._main_pid("skerry-agent.service"), self._main_pid("skerry-executor.service")
        made, code = deb_later.later(self._package, 1, self._folder)
        self._publish(made)
        box.shell("apt-get -q update && apt-get -qq -y upgrade", INSTALL_S)
        after = self._running(), self._since("skerry-executor.socket")
        found = [] if before == after else [f"{before}, then {after}"]
        if self._main_pid("skerry-agent.service") in (pids[0], "0"):
            found.append("the agent is the one of before, or none")
        if self._main_pid("skerry-executor.service") == pids[1]:
            found.append("the executor is the one of before")
        told = box.run("skerry-agent", "version")
        return found if code in told else [*found, told]

    def removed(self) -> list[str]:
        """A removal: nothing of ours runs, what runs on the box stays."""
        before = self._running()
        said = self._box.shell("apt-get -qq -y remove skerry-agent", INSTALL_S).text
        found = [] if self._running() == before else [f"{before}, then {self._running()}"]
        if "2 containers stay as they are" not in said:
            found.append(said)
        units = ("skerry-agent.service", "skerry-executor.socket", "skerry-executor.service")
        states = self._box.run("systemctl", "is-active", *units, check=False).split()
        return found if "active" not in states else [*found, str(states)]

    def not_purged(self) -> list[str]:
        """A purge that cannot ask podman fails, and loses nothing."""
        box = self._box
        box.run("systemctl", "mask", "--now", "podman.socket")
        box.run("systemctl", "stop", "podman.service")
        done = box.shell("apt-get -qq -y purge skerry-agent", INSTALL_S, check=False)
        found = [] if done.status else ["it says that it has purged"]
        if not box.run("ls", "/var/lib/skerry-executor/accepted.state").strip():
            found.append("the state is gone")
        if set(self._running()) != set(CONTAINERS):
            found.append(f"only these run: {self._running()}")
        box.run("systemctl", "unmask", "podman.socket")
        return found

    def purged(self) -> list[str]:
        """A purge ends what runs, also where podman's socket has to be started for that."""
        box = self._box
        said = box.shell("apt-get -qq -y purge skerry-agent", INSTALL_S).text
        names = box.run("podman", "ps", "-a", "--format", "{{.Names}}").split()
        found = [f"{names} are still there: {said}"] if names else []
        left = box.shell("ls -d /var/lib/skerry* /etc/skerry /run/skerry*", check=False).text
        found += [line for line in left.splitlines() if "cannot access" not in line]
        if box.run("systemctl", "is-active", "podman.socket", check=False).strip() == "active":
            found.append("podman.socket was not stopped again")
        return found

    def _running(self) -> dict[str, str]:
        """Return when each container of ours was started, by its name."""
        form = "{{.Names}} {{.StartedAt}} {{.ID}}"
        said = self._box.run("podman", "ps", "--format", form, "--filter", "label=io.skerry.node")
        return dict(line.split(" ", 1) for line in said.splitlines())

    def _main_pid(self, unit: str) -> str:
        return self._box.run("systemctl", "show", "-P", "MainPID", unit).strip()

    def _since(self, unit: str) -> str:
        return self._box.run(
            "systemctl", "show", "-P", "ActiveEnterTimestampMonotonic", unit
        ).strip()


def try_on(fresh: Fresh, package: pathlib.Path) -> list[Step]:
    """Try the package on a box of that Debian; return what was seen. The image must be there."""
    with tempfile.TemporaryDirectory(prefix="deb-box-") as name:
        box = PackagedBox(pathlib.Path(name), fresh, package)
        try:
            return box.run()
        finally:
            box.stop()


def _lines(text: str) -> dict[str, str]:
    """Return what was seen, by path."""
    return dict(line.split(" ", 1) for line in text.splitlines())


def _differences(one: dict[str, str], other: dict[str, str], but: re.Pattern[str]) -> list[str]:
    return [
        f"{path}: {one.get(path, 'nothing')} outside, {other.get(path, 'nothing')} in the sandbox"
        for path in sorted(one.keys() | other.keys())
        if one.get(path) != other.get(path) and not but.search(f"{path} ")
    ]
