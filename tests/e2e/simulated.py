"""A fleet of simulated boxes over a real broker, driven by the command line as an operator does."""

import collections
import dataclasses
import json
import re

from lab.boxes import Boxes, standing
from lab.broker import Mosquitto
from lab.fleet import Hub
from lab.makes import SITES
from lab.processes import wait_for

AT = {site.name: site for site in SITES}
ENDPOINTS = {"erp": AT["quay-1"], "warehouse": AT["depot-1"]}
IMAGE = "localhost/skerry-demo-web:1"

STALE, NOT_PLACED = 6, 3


@dataclasses.dataclass
class Plan:
    """What `skerry plan` or `apply` answered: how it ended, its JSON, what it said to people."""

    status: int
    answer: dict
    text: str

    def of(self, action):
        return {
            one["instance"]: one["node"]
            for one in self.answer["changes"]
            if one["action"] == action
        }

    @property
    def unplaced(self):
        return {one["workload"]: one for one in self.answer["unplaced"]}

    @property
    def moved(self):
        """Return the instances that do not stay as they are."""
        return {one["instance"] for one in self.answer["changes"] if one["action"] != "keep"}


class Simulated:
    """A broker, a hub and three dozen boxes."""

    def __init__(self, folder):
        self.folder = folder
        self.broker = Mosquitto(folder / "broker")
        self.hub = Hub(folder / "hub", self.broker)
        self.boxes = None

    def start(self):
        self.broker.start()
        self.hub.start()
        self.boxes = Boxes(self.broker.url, self.hub.key, standing(), ENDPOINTS)
        self.boxes.start()
        self.until_online(len(self.boxes))
        # Boxes measure the ways to them while tests run.
        self.documents(
            *(
                {"kind": "Endpoint", "name": name, "host": f"{name}.example", "port": 443}
                for name in ENDPOINTS
            )
        )

    def stop(self):
        if self.boxes is not None:
            self.boxes.stop()
        self.hub.stop()
        self.broker.stop()

    def until_online(self, count):
        def look():
            found = self.hub.get("/api/v1/nodes")["items"]
            return (
                sum(1 for one in found if one["liveness"] == "online" and one["capability"])
                == count
            )

        wait_for(f"{count} boxes to be online", look, 60)

    # --- what an operator writes ---------------------------------------------------------------

    def write(self, project, services, documents=()):
        """Write a compose file, and one of documents; return the words that name them."""
        for service in services.values():
            service.setdefault("image", IMAGE)
        path = self.folder / f"{project}.yaml"
        path.write_text(json.dumps({"name": project, "services": services}))
        words = ["-f", str(path)]
        if documents:
            path = self.folder / f"{project}-documents.yaml"
            path.write_text("\n---\n".join(map(json.dumps, documents)))
            words = ["-f", str(path), *words]
        return words

    def documents(self, *documents):
        path = self.folder / "documents.yaml"
        path.write_text("\n---\n".join(map(json.dumps, documents)))
        return self._asked("apply", ["-f", str(path)])

    def plan(self, project, services, documents=(), words=()):
        return self._asked("plan", [*self.write(project, services, documents), *words])

    def apply(self, project, services, documents=(), words=()):
        return self._asked("apply", [*self.write(project, services, documents), *words])

    def _asked(self, verb, words):
        done = self.hub.cli(verb, *words, "-o", "json", check=False)
        assert done.returncode in (0, NOT_PLACED), done.stderr
        return Plan(done.returncode, json.loads(done.stdout), done.stderr)

    def refused(self, *words):
        """Run a command that must fail; return what it says."""
        done = self.hub.cli(*words, check=False)
        assert done.returncode, done.stdout
        return done.stderr

    # --- what an operator sees -------------------------------------------------------------------

    def where(self, workload):
        """Return the node of each instance, as the hub decided."""
        found = self.hub.get(f"/api/v1/instances?workload={workload}")["items"]
        return {one["id"]: one["node"] for one in found}

    def site_of(self, node):
        return self.boxes[node].site.name

    def sites(self, workload):
        return collections.Counter(map(self.site_of, self.where(workload).values()))

    def explain(self, workload, *words):
        done = self.hub.cli("explain", workload, "-o", "json", *words, check=False)
        assert done.returncode in (0, NOT_PLACED), done.stderr
        return json.loads(done.stdout)

    def reasons(self, workload, node):
        """Return why a node refuses a workload, by constraint."""
        (verdict,) = self.explain(workload, "--node", node)["verdicts"]
        return {one["constraint"]: one["text"] for one in verdict["reasons"]}

    def until_running(self, *workloads):
        self.hub.cli("wait", "workload", *workloads, "--for", "running", "--timeout", "60s")

    def used_devices(self, kind):
        """Return the instances that use each device of a kind, by the device's id."""
        found = json.loads(self.hub.cli("get", "devices", "--kind", kind, "-o", "json").stdout)
        return {one["id"]: one["used_by"] for one in found["items"] if one["used_by"]}

    def clear(self):
        """Delete all workloads, documents and taints, and wait until nothing runs."""
        for item in self.hub.get("/api/v1/workloads")["items"]:
            self.hub.cli("delete", "workload", item["name"])
        for item in self.hub.get("/api/v1/documents")["items"]:
            if item["kind"] != "Endpoint":
                kind = re.sub("MaintenanceWindow", "window", item["kind"]).lower()
                self.hub.cli("delete", kind, item["name"])
        for node in self.hub.get("/api/v1/nodes")["items"]:
            keys = {f"{taint['key']}-" for taint in node["taints"]}
            if keys:
                self.hub.cli("taint", "node", node["id"], *sorted(keys))
        wait_for("nothing to run", lambda: not any(box.instances for box in self.boxes), 60)


def x(**placement):
    """Return a service with so many replicas and this `x-placement`."""
    replicas = placement.pop("replicas", 1)
    resources = {"cpus": "0.1", "memory": "64M", **placement.pop("resources", {})}
    labels = placement.pop("labels", {})
    return {
        "deploy": {
            "replicas": replicas,
            "labels": labels,
            "resources": {"reservations": resources},
        },
        "x-placement": placement,
    }
