"""A real kubelet without any API server, on a containerd of its own: it runs static pods."""

from __future__ import annotations

import json
import pathlib
import shutil
import urllib.request
from collections.abc import Sequence

from lab.containerd import Containerd
from lab.processes import LabError, Process, free_port, wait_for
from lab.programs import Programs


class Kubelet:
    """A kubelet; `manifests` is its folder of static pods, `socket` its CRI."""

    def __init__(self, folder: pathlib.Path, insecure: Sequence[str], programs: Programs) -> None:
        """`folder` takes everything; `programs` have a kubelet and containerd."""
        self._folder = folder
        self._programs = programs
        self.containerd = Containerd(folder / "containerd", insecure, programs)
        self.socket = self.containerd.socket
        self.manifests = folder / "manifests"
        self.manifests.mkdir(parents=True)
        self._port = free_port()
        self._process: Process | None = None

    def start(self) -> None:
        """Start containerd and the kubelet."""
        self.containerd.start()
        self.serve()

    def serve(self) -> None:
        """Start the kubelet (again)."""
        folder = self._folder
        config = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "staticPodPath": str(self.manifests),
            "containerRuntimeEndpoint": f"unix://{self.socket}",
            "podLogsDir": str(folder / "logs"),
            "cgroupDriver": "cgroupfs",
            # The machine's own cgroups stay as they are.
            "cgroupsPerQOS": False,
            "enforceNodeAllocatable": [],
            "localStorageCapacityIsolation": False,
            "failSwapOn": False,
            "failCgroupV1": False,
            "address": "127.0.0.1",
            "port": free_port(),
            "readOnlyPort": 0,
            "healthzPort": self._port,
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            "resolvConf": "",
            "evictionHard": {},
            "imageGCHighThresholdPercent": 100,
            "makeIPTablesUtilChains": False,
        }
        path = folder / "config.yaml"
        path.write_text(json.dumps(config))  # JSON is YAML
        words: list[str | pathlib.Path] = ["--config", path, "--root-dir", folder / "root"]
        words += ["--cert-dir", folder / "certificates", "--hostname-override", "lab"]
        command = self._programs.command("kubelet", *words)
        self._process = Process("kubelet", command, folder, self._programs.environment())
        wait_for("the kubelet to answer", self._answers, 60.0)

    def _answers(self) -> bool:
        assert self._process is not None
        if not self._process.alive:
            raise LabError(f"the kubelet ended:\n{self._process.log()[-3000:]}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/healthz", timeout=2) as a:
                return bool(a.status == 200)
        except OSError:
            return False

    def log(self) -> str:
        """Return everything that it has said."""
        return "" if self._process is None else self._process.log()

    def stop(self) -> None:
        """End the kubelet; what runs keeps running."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def remove_all(self) -> None:
        """End everything, and remove it."""
        self.stop()
        self.containerd.remove_containers()
        self._programs.unmount_below(self._folder)
        self.containerd.remove_all()
        shutil.rmtree(self._folder, ignore_errors=True)
