"""A real registry of images on the loopback address, which runtimes take without TLS.

Or on one of a network of the lab's own, where runtimes have to be told so.
"""

from __future__ import annotations

import json
import pathlib
import shutil
import urllib.error
import urllib.parse
import urllib.request

from lab import oci_image
from lab.processes import Process, free_port, wait_for

PROGRAM = shutil.which("docker-registry")
USER, PASSWORD = "edge", "right horse"
"""Who may pull from a private one."""
_USERS = f"{USER}:$2b$04$skerryskerryskerryskeeeH/vLVLSll1iXvP1RgcyJTrGH/Bkp..\n"
"""As of htpasswd, with bcrypt."""
UNAUTHORIZED = 401


class Registry:
    """One registry with its own folder; `address` is how an image's name begins.

    A private one serves what another has, and only to who is known to it.
    """

    def __init__(
        self, folder: pathlib.Path, private: Registry | None = None, host: str = "127.0.0.1"
    ) -> None:
        """`start` starts it. With `private`, it is a private one with the images of that one."""
        self._folder = folder
        self._is_private = private is not None
        self.data: pathlib.Path = folder / "data" if private is None else private.data
        folder.mkdir(parents=True, exist_ok=True)
        self._port = free_port()
        self.address = f"{host}:{self._port}"
        self._process: Process | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        config: dict[str, object] = {
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": str(self.data)}},
            "http": {"addr": self.address},
        }
        if self._is_private:
            users = self._folder / "htpasswd"
            users.write_text(_USERS)
            config["auth"] = {"htpasswd": {"realm": "lab", "path": str(users)}}
        path = self._folder / "config.yml"
        path.write_text(json.dumps(config))  # JSON is YAML
        assert PROGRAM is not None
        self._process = Process("registry", [PROGRAM, "serve", path], self._folder)
        wait_for("the registry to listen", self._answers)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.address}/v2/", timeout=2) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            return error.code == UNAUTHORIZED
        except OSError:
            return False

    def push(self, name: str, tag: str, root: bytes) -> str:
        """Take an image with this root file system, a tar; return its whole name."""
        found = oci_image.parts(root)
        for blob in (found.layer, found.config):
            place = self._send("POST", f"http://{self.address}/v2/{name}/blobs/uploads/")
            mark = "&" if "?" in place else "?"
            query = urllib.parse.urlencode({"digest": oci_image.digest(blob)})
            self._send("PUT", f"{place}{mark}{query}", blob, "application/octet-stream")
        where = f"http://{self.address}/v2/{name}/manifests/{tag}"
        self._send("PUT", where, found.manifest, oci_image.MANIFEST)
        return f"{self.address}/{name}:{tag}"

    @staticmethod
    def _send(method: str, url: str, data: bytes = b"", kind: str = "") -> str:
        """Send a request and return the location that the answer names."""
        asked = urllib.request.Request(url, data, {"Content-Type": kind}, method=method)
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return str(answer.headers.get("Location") or "")

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.stop()
