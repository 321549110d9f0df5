"""`./dev lab compose`: the compose file, from its first start to a restore, with a real box.

What the operator does are the lines of README.md and docs/data-centre.md.

Each step is shown with its time and with what was seen; the first that fails is the last.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from lab import compose, compose_commands, image
from lab.compose_commands import command
from lab.fleet import POLICY
from lab.podman import Podman
from lab.processes import LabError, Process, wait_for

NODE = "box-1"
WORKLOAD = """\
name: shop
services:
  web:
    image: {image}
    command: ["/bin/httpd", "-f", "-p", "80", "-h", "/www"]
"""
OTHER_USER = "12345"


class Course:
    """A stack, a box that joins it, and what the operator does."""

    def __init__(self, folder: pathlib.Path, stack: compose.Stack) -> None:
        self.folder, self.stack = folder, stack
        # podman takes no long paths.
        self._apart = tempfile.TemporaryDirectory(prefix="box-", ignore_cleanup_errors=True)
        self.runtime = Podman(pathlib.Path(self._apart.name))
        self.box = folder / "box"
        self.keys = folder / "keys"
        self.token = ""
        self.processes: list[Process] = []

    def box_environment(self) -> dict[str, str]:
        """Return the settings of the box: none of them says where the broker is."""
        box = self.box
        return {
            "SKERRY_AGENT_STATE": str(box / "agent"),
            "SKERRY_AGENT_EXECUTOR": str(box / "executor.sock"),
            "SKERRY_AGENT_CONTROL": str(box / "control.sock"),
            "SKERRY_AGENT_RUNTIME_SOCKET": str(self.runtime.socket),
            "SKERRY_AGENT_HEARTBEAT_S": "1",
            "SKERRY_EXECUTOR_STATE": str(box / "executor"),
            "SKERRY_EXECUTOR_RUN": str(box / "run-executor"),
            "SKERRY_EXECUTOR_POLICY": str(box / "policy.toml"),
            "SKERRY_EXECUTOR_KEYS": str(self.keys),
            "SKERRY_EXECUTOR_RUNTIME_SOCKET": str(self.runtime.socket),
        }

    def cli(self, *words: str) -> str:
        """Run `skerry` as the operator. Raises LabError."""
        ca = str(self.stack.ca())
        command = [sys.executable, "-m", "skerry_cli", *words]
        where = {"SKERRY_HUB": self.stack.url, "SKERRY_CA_FILE": ca, "SKERRY_TOKEN": self.token}
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, **where}
        )
        if done.returncode:
            raise LabError(f"skerry {' '.join(words)}: {done.stderr}{done.stdout}")
        return done.stdout

    def ask(self, path: str) -> Any:
        """Return the JSON of the API."""
        return json.loads(self.stack.get(path, self.token))

    def until(self, what: str, look: Callable[[], object], timeout_s: float = 90.0) -> None:
        """Wait for something; the API may be away meanwhile. Raises LabError."""

        def seen() -> object:
            with contextlib.suppress(OSError, LabError, StopIteration):
                return look()
            return None

        wait_for(what, seen, timeout_s)

    def online(self) -> bool:
        """Say whether the hub hears the box."""
        found = self.ask(f"/api/v1/nodes/{NODE}")["node"]
        return bool(found["liveness"] == "online" and found["capability"])

    def held(self) -> bool:
        """Say whether the hub holds the box, which is ahead of it."""
        return bool(self.ask(f"/api/v1/nodes/{NODE}")["node"]["diverged"])

    def running(self) -> str | None:
        """Return since when the workload's container runs, None where it does not."""
        state = next(one["state"] for one in self.ask("/api/v1/instances")["items"])
        lines = self.runtime.run("ps", "--format", "{{.StartedAt}} {{.ID}}").split("\n")
        return lines[0] if state == "running" and lines[0] else None

    def stop(self) -> None:
        """End the box, and take the stack away."""
        for process in self.processes:
            process.stop()
        self.runtime.remove_all()
        self._apart.cleanup()
        self.stack.down(" --volumes")


def first_start(course: Course) -> str:
    """Build the image and bring it up, by the README's first line."""
    if compose_commands.command("up -d --build") != compose_commands.command(
        "up -d --build", compose_commands.README.read_text()
    ):
        raise LabError("README.md and docs/data-centre.md begin with different lines")
    course.stack.first_up()
    told = course.stack.inside("hub", "id").decode().strip()
    for service in ("hub", "broker", "database"):
        if f"{compose.PROJECT}_{service}_1" not in course.stack.follow(command("ps")):
            raise LabError(f"`ps` does not show {service}")
    if not course.stack.follow(command("logs --tail 20 hub")).strip():
        raise LabError("`logs` shows nothing of the hub")
    return f"every part works; in the hub's container: {told}"


def image_contents(course: Course) -> str:
    """Look at the image that was built as the documents say."""
    found = course.stack.image()
    labels = json.loads(course.stack.podman("image", "inspect", image.NAME))[0]["Labels"]
    said = {name.rpartition(".")[2]: value for name, value in labels.items()}
    if said["version"] != found.version:
        raise LabError(f"the image's label says version {said['version']}, not {found.version}")
    there = course.stack.inside("hub", "ls", "/opt/skerry/bin").decode().split()
    listed = found.sbom.read_text()
    for name in ("skerry-agent", "skerry-executor", "psutil", "pyudev"):
        if name in there or f"/{name}@" in listed:
            raise LabError(f"{name} is in the image")
    return (
        f"{found.size_mib:.0f} MiB, {found.packed_mib:.0f} MiB to fetch; {found.debian_packages} packages "
        f"of Debian, {found.python_packages} of Python; version {said['version']}, {said['revision']}"
    )


def read_only(course: Course) -> str:
    """Look at what the containers may do."""
    for service in ("hub", "broker", "database"):
        told = json.loads(course.stack.podman("inspect", f"{compose.PROJECT}_{service}_1"))[0]
        host = told["HostConfig"]
        if not host["ReadonlyRootfs"] or told.get("EffectiveCaps"):
            raise LabError(f"{service}: {host['ReadonlyRootfs']}, {told.get('EffectiveCaps')}")
        if told["HostConfig"]["LogConfig"]["Size"] in ("", "0B"):
            raise LabError(f"{service} may fill the disk with what it says")
        if any("PASSWORD=" in one for one in told["Config"]["Env"]):
            raise LabError(f"{service} has a password in its environment")
    return (
        "root file systems are read-only, no capability is left, no password in the environment, "
        "logs have a limit"
    )


def operator(course: Course) -> str:
    """Make the first token of an operator."""
    words = "exec hub skerry-hub access create --name alice --role admin"
    printed = course.stack.follow(command(words))
    course.token = next(one for one in printed.split() if one.startswith("ska_"))
    return "a token with the role admin; " + course.cli("get", "nodes").strip()[:60]


def join(course: Course) -> str:
    """Have a box join by the command that the README's second one prints."""
    begun_s = time.monotonic()
    readme = compose_commands.README.read_text()
    printed = course.stack.follow(command("exec hub skerry-hub token create", readme))
    words = shlex.split(printed)[2:]
    other = course.stack.follow(command("exec hub skerry-hub token create --label site=quay-3"))
    pin = course.stack.follow(command("exec hub skerry-hub ca --pin")).strip()
    if pin not in words or pin not in shlex.split(other):
        raise LabError(f"the hub's pin is {pin}, what it prints for a box: {printed}, {other}")
    course.keys.mkdir()
    course.box.mkdir()
    (course.box / "policy.toml").write_text(POLICY)
    program = [sys.executable, "-m", "skerry_agent.main", *words, "--node-id", NODE]
    program += ["--trusted-keys", str(course.keys), "--no-start"]
    environment = {**os.environ, **course.box_environment()}
    done = subprocess.run(
        program, capture_output=True, text=True, check=False, env=environment, timeout=120
    )
    if done.returncode:
        raise LabError(f"{' '.join(words[:2])}: {done.stderr}{done.stdout}")
    course.runtime.start()
    listen = ["skerry_executor.main", "listen", "--socket", str(course.box / "executor.sock")]
    for name, given in (("executor", listen), ("agent", ["skerry_agent.main", "run"])):
        words = [sys.executable, "-m", *given]
        course.processes.append(Process(name, words, course.folder, course.box_environment()))
    course.until("the box to be online", course.online)
    return f"online {time.monotonic() - begun_s:.1f} s after the token was asked for"


def workload(course: Course) -> str:
    """Apply a workload, and see it run."""
    file = course.folder / "shop.yaml"
    file.write_text(WORKLOAD.format(image=course.runtime.image))
    begun_s = time.monotonic()
    course.cli("apply", "-f", str(file), "--wait", "--timeout", "60s")
    return f"runs {time.monotonic() - begun_s:.1f} s after the apply"


def _again(course: Course, before: str | None) -> str:
    begun_s = time.monotonic()
    course.stack.up()
    up_s = time.monotonic() - begun_s
    course.until("the box to be online again", course.online)
    course.until("the workload to be there", course.running)
    if course.running() != before:
        raise LabError(f"the container was {before}, now {course.running()}")
    return (
        f"up after {up_s:.1f} s, box online after {time.monotonic() - begun_s:.1f} s, "
        "the workload's container is the same"
    )


def down_and_up(course: Course) -> str:
    """Take all containers away, and bring it up again."""
    before = course.running()
    course.stack.down()
    return _again(course, before)


def kill_and_up(course: Course) -> str:
    """Kill every container at once, and give the one command again."""
    before = course.running()
    course.stack.kill()
    return _again(course, before)


def backup(course: Course) -> str:
    """Back the running hub up, delete the workload, and restore what was before."""
    packed = course.stack.back_up()
    before = course.running()
    course.cli("label", "node", NODE, "later=yes")
    course.cli("delete", "workload", "shop-web")
    course.until("nothing to run", lambda: not course.runtime.run("ps", "-q").strip())
    said = course.stack.restore(" --force")
    course.until("the box to be held", course.held)
    if course.runtime.run("ps", "-q").strip():
        raise LabError("something was started on a box that is held")
    course.cli("node", "overwrite", NODE, "--yes")
    course.until("the workload to run again", course.running)
    if course.running() == before:
        raise LabError("the container was never away")
    size = packed.stat().st_size
    return f"{size / 1024:.0f} KiB; {said}; the box was held, and has its workload again"


def restore_anew(course: Course) -> str:
    """Delete every volume, and restore the same backup into an empty place."""
    before = course.running()
    course.stack.down(" --volumes")
    said = course.stack.restore()
    course.until("the box to be held", course.held)
    course.until("the box to be online again", course.online)
    if course.running() != before:
        raise LabError(f"the container was {before}, now {course.running()}")
    return f"{said}; the box knows the hub again, is held, and runs what it ran"


STEPS: tuple[tuple[str, Callable[[Course], str]], ...] = (
    ("up", first_start),
    ("what is in the image", image_contents),
    ("what containers may do", read_only),
    ("an operator's token", operator),
    ("skerry-agent join", join),
    ("a workload", workload),
    ("down, up", down_and_up),
    ("kill -9 of all, up", kill_and_up),
    ("backup, restore", backup),
    ("restore into an empty place", restore_anew),
)


def run(folder: pathlib.Path, **settings: str) -> bool:
    """Follow the steps; say whether all came to what is asked for."""
    made = compose.builder(folder)
    compose.make_bases(made)
    for user in ("10001", OTHER_USER):
        with tempfile.TemporaryDirectory(dir=folder) as name:
            stack = compose.Stack(pathlib.Path(name), made, SKERRY_USER=user, **settings)
            course = Course(pathlib.Path(name), stack)
            try:
                if not _followed(course, f"user {user}"):
                    return False
            finally:
                course.stop()
    return True


def _followed(course: Course, who: str) -> bool:
    for name, step in STEPS:
        begun_s = time.monotonic()
        try:
            seen, met = step(course), True
        except LabError as error:
            seen, met = f"{error}\n{course.stack.logs()}", False
        took_s = time.monotonic() - begun_s
        print(f"{who}: {name}: {took_s:.1f} s: {'' if met else 'FAILED: '}{seen}", flush=True)
        if not met:
            return False
    return True
