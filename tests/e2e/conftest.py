"""One fleet of real parts for the end-to-end tests: mosquitto, hub, agent, executor, podman."""

import contextlib
import shutil

import pytest
from tests.e2e.simulated import Simulated

from lab.broker import PROGRAM, Mosquitto
from lab.fleet import Box, Hub
from lab.podman import Podman
from lab.processes import LabError, free_port, wait_for

WEB = """\
name: {project}
services:
  web:
    image: {image}
    command: ["/bin/httpd", "-f", "-p", "80", "-h", "/www"]
    ports: ["127.0.0.1:{port}:80"]
    environment: {{REVISION: "{revision}"}}
"""


class Fleet:
    """What the tests drive: each part can be killed and started again."""

    def __init__(self, folder, podman):
        self.folder = folder
        self.podman = podman
        self.ports = {}
        self.broker = Mosquitto(folder / "broker")
        self.hub = Hub(folder / "hub", self.broker)
        self.box = Box(folder / "box", self.hub.broker_url, podman.socket)

    def start(self):
        self.broker.start()
        self.hub.start()
        self.box.trust(self.hub.key)
        self.box.start()
        self.until_online()

    def stop(self):
        self.box.stop()
        self.hub.stop()
        self.broker.stop()

    def node(self):
        return self.hub.get(f"/api/v1/nodes/{self.box.node}")["node"]

    def until_node(self, what, test, timeout=60):
        """Wait until the hub's view of the box passes; what the last look was is in the error."""
        seen = {}

        def look():
            with contextlib.suppress(OSError):
                seen.update(self.node())
                return seen if test(seen) else None
            return None

        try:
            return wait_for(what, look, timeout)
        except LabError as error:
            raise LabError(f"{error}; last seen: {seen}") from None

    def until_online(self):
        self.until_node(
            "the box to be online", lambda n: n["liveness"] == "online" and n["capability"]
        )

    def until_settled(self, timeout=60):
        """Wait until the box has reached what was issued to it, and the hub knows."""
        return self.until_node(
            "the box to reach its order",
            lambda n: n["order"]["issued"] == n["order"]["accepted"] == n["order"]["reached"],
            timeout,
        )

    def write(self, project, revision="1", image=None, port=None):
        port = port or self.ports.setdefault(project, free_port())
        path = self.folder / f"{project}.yaml"
        text = WEB.format(
            project=project, image=image or self.podman.image, port=port, revision=revision
        )
        path.write_text(text)
        return path

    def apply(self, project, *, wait=True, **content):
        path = self.write(project, **content)
        self.hub.cli("apply", "-f", str(path), *(["--wait", "--timeout", "60s"] if wait else []))
        return path

    def instance(self, name):
        items = self.hub.get("/api/v1/instances")["items"]
        return next((item for item in items if item["id"] == name), None)

    def until_instance(self, name, state, timeout=60):
        def look():
            with contextlib.suppress(OSError):
                found = self.instance(name)
                return found if found and found["state"] == state else None
            return None

        try:
            return wait_for(f"{name} to be {state}", look, timeout)
        except LabError as error:
            raise LabError(f"{error}; it is {self.instance(name)}") from None

    def containers(self):
        """Return id, name and start time of every container that runs."""
        lines = self.podman.run("ps", "--format", "{{.ID}} {{.Names}} {{.StartedAt}}").splitlines()
        return sorted(lines, key=lambda line: line.split()[1])

    def clear(self):
        """Delete every workload, and wait until nothing runs."""
        for item in self.hub.get("/api/v1/workloads")["items"]:
            self.hub.cli("delete", "workload", item["name"])
        wait_for("every container to go", lambda: not self.containers(), 60)
        self.until_settled()


@pytest.fixture(scope="session")
def podman(tmp_path_factory):
    if not shutil.which("podman"):
        pytest.skip("podman is not installed; ./dev test installs it")
    podman = Podman(tmp_path_factory.mktemp("podman"))
    podman.start()
    yield podman
    podman.remove_all()


@pytest.fixture
def fleet(tmp_path, podman):
    if not shutil.which(PROGRAM):
        pytest.skip("mosquitto is not installed; ./dev test installs it")
    fleet = Fleet(tmp_path, podman)
    try:
        fleet.start()
        yield fleet
    finally:
        fleet.stop()
        podman.run("rm", "--all", "--force", "--time=0", check=False)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    if not shutil.which(PROGRAM):
        pytest.skip("mosquitto is not installed; ./dev test installs it")
    simulated = Simulated(tmp_path_factory.mktemp("simulated"))
    try:
        simulated.start()
        yield simulated
    finally:
        simulated.stop()
