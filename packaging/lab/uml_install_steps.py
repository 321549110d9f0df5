"""The steps from a fresh Debian to a box that is managed, and back, in one visible table."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from collections.abc import Callable
from typing import Any

from lab import install_readme, uml_install_files
from lab.processes import LabError, wait_for
from lab.qemu_box import differences, without_volatile
from lab.uml_install_course import CONTAINER, WORKLOAD, Course, leaves, megabytes
from lab.uml_pages import Watch, answers

JOIN_S = 60.0
INSTALL_S = 900.0
OFFLINE_S = 150.0
"""A boot without a network has the workload up again within this, on a machine that others share."""
MOST_GAP_S = 3.0
"""A page that stays is never missed for longer, busy machine or not."""
_AGENT_SCORE = 2.0
_TOLD_BY_THE_EXECUTOR = ("policy", "runtime_in_use")
"""What no look at the hardware can know."""


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One step; `short`: part of the short form, too."""

    name: str
    follow: Callable[[Course], str]
    short: bool = True


def boot(course: Course) -> str:
    """Boot it for the first time: it has nothing of Skerry, nor, in full, what Skerry needs."""
    box = course.box
    box.start()
    box.wait()
    state = box.until_booted()
    where = f"{course.debian_url}\nSuites: ./\nTrusted: yes"
    box.write("/etc/apt/sources.list.d/debian.sources", f"Types: deb\nURIs: {where}\n")
    box.run("apt-get", "-qq", "update")
    release = box.run("cat", "/etc/debian_version").strip()
    count = box.shell("dpkg-query -W | wc -l").text.strip()
    if box.shell("type skerry-agent", check=False).status == 0:
        raise LabError("it is not fresh")
    course.has_needed = box.shell("type python3", check=False).status == 0
    course.before = course.files()
    kernel = box.run("uname", "-r").strip()
    return f"Debian {release}, kernel {kernel}, systemd {state}; {count} packages, {'a' if course.has_needed else 'no'} Python"


def repository(course: Course) -> str:
    """Add the signed repository: its key and its description, and what it has."""
    for beginning in ("sudo wget -nv -NP /etc/apt/keyrings", "sudo wget -nv -NP /etc/apt/sources"):
        course.follow(beginning)
    said = course.follow("sudo apt update")
    if re.search(r"^(W|E|Warning|Error):", said.text, re.M):
        raise LabError(said.text)
    found = course.box.run("apt-cache", "policy", "skerry-agent")
    candidate = re.search("Candidate: (.*)", found)
    return f"signed; it has skerry-agent {candidate[1] if candidate else '?'}"


def package(course: Course) -> str:
    """Install it."""
    said = course.follow("sudo apt install skerry-agent", INSTALL_S)
    return megabytes(said.text)


def status(course: Course) -> str:
    """Ask systemd and the agent how they are, before anybody has joined."""
    units = ("skerry-agent.service", "skerry-executor.socket")
    told = course.box.run("systemctl", "is-active", *units, check=False).split()
    enabled = course.box.run("systemctl", "is-enabled", *units, check=False).split()
    if told != ["active", "active"] or enabled != ["enabled", "enabled"]:
        raise LabError(f"{units}: {told} {enabled}\n{course.words()}")
    said = course.box.run("skerry-agent", "status", check=False).strip()
    return f"agent and executor's socket active and enabled; it says: {said.splitlines()[0]}"


def join(course: Course) -> str:
    """Join with the one line that `skerry token create` prints."""
    printed = course.operate("skerry token create")
    line = next((one.strip() for one in printed.splitlines() if "skerry-agent join" in one), "")
    written = install_readme.command("sudo skerry-agent join", install_readme.BOX, course.readme)
    if not install_readme.of_one_form(line, written):
        raise LabError(f"printed: {printed}\nthe README says: {written}")
    begun_s = time.time()
    said = course.box.shell(line, JOIN_S)
    joined_s = time.time() - begun_s

    def look() -> str:
        items = course.hub.get("/api/v1/nodes")["items"]
        return str(items[0]["id"]) if len(items) == 1 else ""

    course.node = wait_for("the hub to know the box", look, JOIN_S)
    online_s = course.until_online(begun_s, JOIN_S)
    last = (said.text.strip().splitlines() or [""])[-1]
    return f"after {joined_s:.1f} s; online on the hub after {online_s:.1f} s; it says: {last}"


def hardware(course: Course) -> str:
    """See its hardware on the hub, and compare with what the box itself says."""
    listed = course.operate("skerry get nodes")
    told = course.operate("skerry describe node")
    if course.node not in listed:
        raise LabError(listed)
    box = course.box
    kib = int(box.shell("awk '/MemTotal/ {print $2}' /proc/meminfo").text)
    sectors = int(box.run("cat", "/sys/block/ubda/size"))
    shown = json.dumps(course.hub.get(f"/api/v1/nodes/{course.node}"))
    memory = course.seen()["resources"]["memory_bytes"]
    if memory != kib * 1024 or '"vec0"' not in shown or str(sectors * 512) not in shown:
        raise LabError(f"memory {kib} KiB, vec0, disk {sectors} sectors; the hub says\n{told}")
    return f"memory {kib // 1024} MiB, disk, network as the box has them; {course.seen()['os']}"


def sandbox(course: Course) -> str:
    """Compare what the agent in its sandbox sees with what its user sees without one."""
    look = "sudo -u skerry-agent skerry-agent capability --slow --json 2>/dev/null"
    without = without_volatile(json.loads(course.box.shell(look).text))
    differs: list[str] = []

    def look_again() -> bool:
        view = course.hub.get(f"/api/v1/nodes/{course.node}")
        within = _part_with(view, set(without)) or {}
        for name in _TOLD_BY_THE_EXECUTOR:
            within[name] = without[name]
        differs[:] = differences(within, without)
        return not differs

    try:
        wait_for("the agent's slow looks", look_again, 60)
    except LabError:
        raise LabError("published in it, read without it:\n" + "\n".join(differs)) from None
    return f"{len(leaves(without))} facts the same in the unit's sandbox and without one"


def _part_with(view: Any, keys: set[str]) -> dict[str, Any] | None:
    """Return the part of a view that has these keys; None where none has."""
    if isinstance(view, dict):
        if keys <= set(view):
            return {key: view[key] for key in keys}
        for one in view.values():
            if (found := _part_with(one, keys)) is not None:
                return found
    return None


def security(course: Course) -> str:
    """Ask systemd what the units leave open."""
    scores = {}
    for unit in ("skerry-agent.service", "skerry-executor.service"):
        said = course.box.run("systemd-analyze", "security", "--no-pager", unit)
        found = re.search(r"exposure level for \S+: ([\d.]+)", said)
        if found is None:
            raise LabError(said)
        scores[unit] = float(found[1])
    if scores["skerry-agent.service"] > _AGENT_SCORE:
        raise LabError(f"{scores}, more than {_AGENT_SCORE}")
    return ", ".join(f"{unit} {score}" for unit, score in scores.items())


def workload(course: Course) -> str:
    """Let the box's policy take an image, and run a workload of it."""
    host = course.site.registry.address
    course.box.write(
        "/etc/containers/registries.conf.d/lab.conf",
        f'[[registry]]\nlocation = "{host}"\ninsecure = true\n',
    )
    edit = (
        f's|^    # "registry.example/shop",|    "{host}/shop",|; '
        "s|^host_network = false|host_network = true|"
    )
    course.box.run("sed", "-i", edit, "/etc/skerry/policy.toml")
    course.box.run("systemctl", "reload", "skerry-agent")

    def is_told() -> bool:
        view = course.hub.get(f"/api/v1/nodes/{course.node}")
        return bool(((_part_with(view, {"policy"}) or {})["policy"] or {}).get("host_network"))

    wait_for("the hub to be told the box's policy", is_told, 60)
    begun_s = time.monotonic()
    course.apply()
    applied_s = time.monotonic() - begun_s
    wait_for("the page", lambda: answers(course.page), 60)
    return f"{WORKLOAD} runs {applied_s:.1f} s after apply, pulled; its page is there"


def offline_boot(course: Course) -> str:
    """Reboot with the network off: what ran runs, and nobody is there to ask."""
    box = course.box
    identity = course.container().split()[0]
    box.network_at_boot(False)
    box.power_off()
    begun_s = time.monotonic()
    box.start()
    ask = f"until wget -qO- -T 1 -t 1 http://127.0.0.1:{course.page.rsplit(':', 1)[1]}; do sleep 0.2; done"
    said = box.shell(f"{ask}; cut -d' ' -f1 /proc/uptime", OFFLINE_S)
    took_s = time.monotonic() - begun_s
    if box.shell("ip route; ip -br address show dev vec0", check=False).text.split() not in (
        [],
        ["vec0", "DOWN"],
    ):
        raise LabError(box.shell("ip route; ip -br address").text)
    if course.container().split()[0] != identity:
        raise LabError("it is another container")
    box.until_booted()
    active = box.run("systemctl", "is-active", "skerry-agent.service", check=False).strip()
    if active != "active":
        raise LabError(f"the agent is {active}")
    up = said.text.strip().splitlines()[-1]
    return f"page there {took_s:.1f} s after power on ({up} s by its clock), same container, no address"


def online_again(course: Course) -> str:
    """Put the network on."""
    container = course.container()
    began_s = time.time()
    course.box.network_at_boot(True)
    course.box.run("systemctl", "start", "lab-network.service")
    took_s = course.until_online(began_s)
    if course.container() != container:
        raise LabError(f"started anew: {container}, then {course.container()}")
    return f"online after {took_s:.1f} s; the container was not touched"


def upgrade(course: Course) -> str:
    """Upgrade to a higher version by apt, while the workload runs."""
    version, code = course.publish_later()
    return _replaced(course, version, code, "sudo apt update && sudo apt upgrade -y")


def unattended(course: Course) -> str:
    """Have unattended-upgrades do it, as the package's example says."""
    examples = "/usr/share/doc/skerry-agent/examples"
    name = "52skerry-unattended-upgrades"
    course.box.shell("sudo apt-get -qq install -y unattended-upgrades", INSTALL_S)
    course.box.run("cp", f"{examples}/{name}", f"/etc/apt/apt.conf.d/{name}")
    version, code = course.publish_later(with_policy=True)
    place = "/etc/skerry/policy.toml"
    mine = course.box.run("cat", place)
    seen = _replaced(course, version, code, "sudo apt-get update && sudo unattended-upgrade -v")
    theirs = course.box.run("cat", f"{place}.dpkg-dist")
    if course.box.run("cat", place) != mine or version not in theirs:
        raise LabError("the box's own policy was not kept, or the new one is not beside it")
    return f"{seen}; its policy stays, the new one is beside it"


def _replaced(course: Course, version: str, code: str, command: str) -> str:
    container = course.container()
    watch = Watch(course.page)
    said = course.box.shell(f"({command}) <<<y", INSTALL_S)
    course.until_version(code)
    gap_s = watch.stop()
    if course.installed() != f"installed {version}":
        raise LabError(f"{course.installed()}, not {version}\n{said.text}")
    if course.container() != container:
        raise LabError(f"started anew: {container}, then {course.container()}")
    if gap_s > MOST_GAP_S:
        raise LabError(f"the page was away for {gap_s:.1f} s")
    return (
        f"{said.took_s:.1f} s; the hub is told {code}; same container and start time, its page "
        f"never away for {gap_s + 0.05:.1f} s"
    )


def remove(course: Course) -> str:
    """Remove the package: the workload goes on, and nothing that was learnt is lost."""
    container = course.container()
    watch = Watch(course.page)
    said = course.box.shell("sudo apt remove -y skerry-agent", INSTALL_S)
    time.sleep(2.0)
    gap_s = watch.stop()
    if course.container() != container or gap_s > MOST_GAP_S:
        raise LabError(f"{container}, then {course.container()}; page away {gap_s:.1f} s")
    kept = course.box.shell("ls -d /var/lib/skerry-agent/joined /etc/skerry/policy.toml").text
    if course.box.shell(
        "systemctl is-active skerry-agent skerry-executor.socket", check=False
    ).text.split() == ["active", "active"]:
        raise LabError("its units are still active")
    return f"{said.took_s:.1f} s; same container, its page stays; kept: {' '.join(kept.split())}"


def again(course: Course) -> str:
    """Install it again: the same box, without another token."""
    began_s, container = time.time(), course.container()
    said = course.box.shell("sudo apt install -y skerry-agent", INSTALL_S)
    took_s = course.until_online(began_s)
    if course.container() != container:
        raise LabError(f"started anew: {container}, then {course.container()}")
    return f"{said.took_s:.1f} s; online as {course.node} after {took_s:.1f} s; same container"


def purge(course: Course) -> str:
    """Purge it: what it ran ends, and nothing of it is left."""
    said = course.box.shell("sudo apt purge -y skerry-agent", INSTALL_S)
    names = course.box.run("podman", "ps", "-a", "--format", "{{.Names}}").split()
    if CONTAINER in names or answers(course.page):
        raise LabError(f"the workload still runs: {names}\n{said.text}")
    owned = course.box.shell(uml_install_files.OWNED).text.splitlines()
    ours = {
        "/etc/apt/keyrings/skerry.asc",
        "/etc/apt/sources.list.d/skerry.sources",
        "/etc/apt/sources.list.d/debian.sources",
        "/etc/containers/registries.conf.d/lab.conf",
        "/etc/apt/apt.conf.d/52skerry-unattended-upgrades",
    }
    left = uml_install_files.left(course.before | ours, course.files(), owned, course.has_needed)
    users = course.box.shell("grep -l skerry /etc/passwd /etc/group /etc/shadow", check=False).text
    if left or users.strip():
        raise LabError(f"left behind: {left} {users}")
    return f"{said.took_s:.1f} s; the workload ended; no file, no user left"


STEPS = (
    Step("a fresh Debian boots", boot),
    Step("the repository is added", repository),
    Step("apt install skerry-agent", package),
    Step("units before a join", status),
    Step("skerry-agent join", join),
    Step("its hardware on the hub", hardware),
    Step("probes in the sandbox", sandbox),
    Step("systemd-analyze security", security),
    Step("a workload", workload),
    Step("reboot, network off", offline_boot),
    Step("network on", online_again),
    Step("apt upgrade", upgrade),
    Step("unattended-upgrade", unattended, short=False),
    Step("apt remove", remove, short=False),
    Step("apt install again", again, short=False),
    Step("apt purge", purge),
)
