"""A real containerd with a store of its own, so that nothing of this machine's own is touched."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import zlib
from collections.abc import Sequence

from lab.oci_image import archive
from lab.podman import PAGE, Podman, image_tar
from lab.processes import LabError, Process, wait_for
from lab.programs import Programs

PROGRAMS = ("containerd", "ctr")
PAUSE = "localhost/skerry-pause:1"
NAMESPACE = "k8s.io"
RUNC = pathlib.Path("/run/containerd/runc")
"""Where runc keeps what runs, whatever containerd's own folders are; a boot empties it."""

_CONFIG = """\
version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]
[grpc]
address = "{folder}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
path = "{folder}/opt"
[plugins."io.containerd.internal.v1.restart"]
interval = "1s"
[plugins."io.containerd.grpc.v1.cri"]
# Without it no container starts where even root may not lower the score.
restrict_oom_score_adj = true
sandbox_image = "{pause}"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{folder}/cni"
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "{folder}/certs.d"
"""


class Containerd:
    """containerd on a unix socket, with its own root, and a tiny image in it."""

    image = Podman.image

    def __init__(
        self,
        folder: pathlib.Path,
        insecure: Sequence[str] = (),
        programs: Programs | None = None,
    ) -> None:
        """`folder` takes everything; registries that are `insecure` are asked without TLS."""
        self._folder = folder
        self._programs = programs or Programs()
        # A bridge and addresses of its own, so that two labs beside each other share neither.
        self._number = zlib.crc32(str(folder).encode()) % 255
        self._bridge = f"skerry-lab{self._number}"
        (folder / "cni").mkdir(parents=True, exist_ok=True)
        self.socket = folder / "containerd.sock"
        self._config = folder / "config.toml"
        self._config.write_text(_CONFIG.format(folder=folder, pause=PAUSE))
        (folder / "cni" / "10-lab.conflist").write_text(json.dumps(self._network()))
        for registry in insecure:
            hosts = folder / "certs.d" / registry
            hosts.mkdir(parents=True)
            (hosts / "hosts.toml").write_text(f'server = "http://{registry}"\n')
        self._daemon: Process | None = None

    def _network(self) -> dict[str, object]:
        ranges = [[{"subnet": f"10.87.{self._number}.0/24"}]]
        ipam = {"type": "host-local", "ranges": ranges, "dataDir": str(self._folder / "addresses")}
        bridge = {"type": "bridge", "bridge": self._bridge, "isGateway": True, "ipMasq": False}
        plugins = [
            {**bridge, "ipam": ipam},
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ]
        return {"cniVersion": "0.4.0", "name": "lab", "plugins": plugins}

    def run(self, *words: str, data: bytes | None = None, check: bool = True) -> str:
        """Run containerd's own client, and return what it prints."""
        where = ("--address", str(self.socket), "--namespace", NAMESPACE)
        return self._programs.run("ctr", *where, *words, data=data, check=check)

    def start(self) -> None:
        """Start the daemon, and bring it the images."""
        self.serve()
        self.bring(self.image)
        self.bring(PAUSE, {"Entrypoint": ["/bin/busybox", "sleep", "2147483647"]})

    def bring(self, name: str, config: dict[str, object] | None = None, text: str = PAGE) -> None:
        """Give it the tiny image under a name, with a text on its page."""
        self.run("images", "import", "-", data=archive(name, image_tar(text), config))

    def serve(self) -> None:
        """Start the daemon (again)."""
        self.socket.unlink(missing_ok=True)
        command = self._programs.command("containerd", "--config", self._config)
        self._daemon = Process("containerd", command, self._folder, self._programs.environment())

        def look() -> bool:
            assert self._daemon is not None
            if not self._daemon.alive:
                raise LabError(f"containerd ended:\n{self._daemon.log()[-3000:]}")
            return self.socket.exists() and bool(self.run("version", check=False))

        wait_for("containerd to answer", look)

    def stop(self) -> None:
        """End the daemon; what runs keeps running."""
        if self._daemon is not None:
            self._daemon.stop(30)
            self._daemon = None

    @property
    def pid(self) -> int:
        """Return the daemon's process id."""
        assert self._daemon is not None
        return self._daemon.pid

    def stop_tasks(self) -> None:
        """End all that runs, as a power cut would; the containers stay."""
        for task in self.run("tasks", "list", "--quiet").split():
            self.run("tasks", "kill", "--signal", "KILL", "--all", task, check=False)
        gone = lambda: "RUNNING" not in self.run("tasks", "list")  # noqa: E731
        wait_for("the tasks to end", gone)
        for task in self.run("tasks", "list", "--quiet").split():
            self.run("tasks", "delete", task, check=False)

    def stop_tasks_and_restart(self) -> None:
        """Do what a start of the box does: everything has ended, and the daemon starts."""
        # Not one after the other: the monitor would start again what was ended meanwhile.
        assert self._daemon is not None
        shims = [pid for pid, words in _processes() if words[:1] and str(self.socket) in words]
        self._daemon.kill()
        tasks = self._folder / "state/io.containerd.runtime.v2.task" / NAMESPACE
        for task in tasks.glob("*/init.pid"):
            with contextlib.suppress(OSError, ValueError):
                os.kill(int(task.read_text()), signal.SIGKILL)
            shutil.rmtree(RUNC / NAMESPACE / task.parent.name, ignore_errors=True)
        for shim in shims:
            with contextlib.suppress(OSError):
                os.kill(shim, signal.SIGKILL)
        self._programs.unmount_below(self._folder / "state")
        shutil.rmtree(self._folder / "state", ignore_errors=True)
        self.serve()

    def remove_containers(self) -> None:
        """End and remove every container."""
        for line in self.run("tasks", "list", "--quiet", check=False).split():
            self.run("tasks", "kill", "--signal", "KILL", "--all", line, check=False)
            self.run("tasks", "delete", "--force", line, check=False)
        for line in self.run("containers", "list", "--quiet", check=False).split():
            self.run("containers", "delete", line, check=False)

    def remove_all(self) -> None:
        """Remove every container, and the store."""
        if self._daemon is not None and self._daemon.alive:
            self.remove_containers()
        self.stop()
        self._programs.unmount_below(self._folder)
        subprocess.run(["ip", "link", "delete", self._bridge], capture_output=True, check=False)
        self._programs.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _processes() -> list[tuple[int, list[str]]]:
    """Return every process by id, and its words."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(
                (int(path.parent.name), path.read_bytes().decode(errors="replace").split("\0"))
            )
    return [(pid, words) for pid, words in found if words and "containerd-shim" in words[0]]
