"""One fresh box on its way, and what the steps need of it."""

from __future__ import annotations

import json
import pathlib
import re
import time
from typing import Any

from lab import deb_later, deb_repository, install_readme
from lab.processes import LabError, wait_for
from lab.uml_fresh import FreshBox, Said
from lab.uml_install_image import Fresh
from lab.uml_site import Site

UNITS = ("skerry-agent.service", "skerry-executor.socket", "skerry-executor.service")
PAGE_PORT = 8080
WORKLOAD = "shop-web"
CONTAINER = "skerry-shop-web-0-web"
_COMPOSE = """\
name: shop
services:
  web:
    image: {image}
    command: [/bin/httpd, -f, -p, "{port}", -h, /www]
    network_mode: host
    stop_grace_period: 1s
"""


class Course:
    """The box, the repository that it installs from, and the hub's word for it."""

    def __init__(self, site: Site, fresh: Fresh, package: pathlib.Path) -> None:
        """Publish the package, and prepare the box; the first step boots it."""
        self.site = site
        self.hub = site.hub
        self.package = package
        self.readme = install_readme.blocks()
        self.repository = site.folder / "repository"
        self._key = site.folder / "repository.key"
        self.packages_url = site.web.add("skerry", self.repository)
        self.publish(package)
        self.debian_url = site.web.add("debian", fresh.archive)
        self.box = FreshBox(site.folder / "box-1", site.network, 1, fresh)
        self.box.synchronous = False
        self.node = ""
        self.before: frozenset[str] = frozenset()
        self.has_needed = False
        self._versions = 0

    @property
    def page(self) -> str:
        """Return where the workload's page is."""
        return f"http://{self.box.address}:{PAGE_PORT}/"

    # --- packages ---------------------------------------------------------------------------------

    def publish(self, package: pathlib.Path) -> None:
        """Put a package into the repository, as `./dev deb --repository` does."""
        url = self.packages_url
        deb_repository.add(self.repository, [package], self._key, url, time.time())

    def publish_later(self, *, with_policy: bool = False) -> tuple[str, str]:
        """Publish a later version; return it as Debian and as the agent write it."""
        self._versions += 1
        made, code = deb_later.later(
            self.package, self._versions, self.site.folder, with_policy=with_policy
        )
        self.publish(made)
        return made.name.split("_")[1], code

    # --- the box ----------------------------------------------------------------------------------

    def follow(self, beginning: str, most_s: float = 60.0) -> Said:
        """Run the README's command that begins so on the box; a person says yes to what is asked."""
        written = install_readme.command(beginning, install_readme.BOX, self.readme)
        places = {install_readme.PACKAGES: self.packages_url}
        return self.box.shell(f"{install_readme.put(written, places)} <<<y", most_s)

    def operate(self, beginning: str) -> str:
        """Run the README's command that begins so where the operator works; return its output."""
        written = install_readme.command(beginning, install_readme.OPERATOR, self.readme)
        words = written.split("#")[0].split()
        places = {"box-1": self.node}
        return self.hub.cli(*(places.get(word, word) for word in words[1:])).stdout

    def installed(self) -> str:
        """Return the version of the package that dpkg has, with its state."""
        query = "dpkg-query -W -f '${db:Status-Status} ${Version}' skerry-agent"
        return self.box.shell(query, check=False).text.strip()

    def container(self) -> str:
        """Return the id of the workload's container and when it was started."""
        form = "{{.Id}} {{.State.StartedAt}}"
        return self.box.run("podman", "inspect", "-f", form, CONTAINER).strip()

    def files(self) -> frozenset[str]:
        """Return every path on its disk."""
        from lab import uml_install_files  # noqa: PLC0415 - beside what compares them

        return frozenset(self.box.shell(uml_install_files.LIST, 120).text.splitlines())

    # --- the hub ----------------------------------------------------------------------------------

    def until_online(self, since_s: float, most_s: float = 120.0) -> float:
        """Wait until the hub has heard of the box after a moment; return how long that took."""

        def look() -> bool:
            node = self.seen()
            return bool(node["liveness"] == "online" and node["last_seen"] > since_s)

        try:
            wait_for(f"{self.node} to be online", look, most_s)
        except LabError as error:
            raise LabError(f"{error}; the hub says {self.seen()}") from None
        return time.time() - since_s

    def until_version(self, version: str, most_s: float = 60.0) -> None:
        """Wait until the hub is told that the agent is of a version."""
        wait_for(f"the agent {version}", lambda: self.seen()["version"] == version, most_s)

    def seen(self) -> dict[str, Any]:
        """Return what the hub says of the box."""
        found: dict[str, Any] = self.hub.get(f"/api/v1/nodes/{self.node}")["node"]
        return found

    def apply(self) -> None:
        """Apply the workload, and wait until it runs."""
        place = self.site.folder / "shop.yaml"
        place.write_text(_COMPOSE.format(image=self.site.image, port=PAGE_PORT))
        self.hub.cli("apply", "-f", str(place), "--wait", "--timeout", "120s")

    def words(self) -> str:
        """Return what the box says of itself, for what went wrong."""
        units = " ".join(f"-u {unit}" for unit in UNITS)
        try:
            return self.box.shell(
                f"journalctl --no-pager -o short-monotonic -n 60 {units}", check=False
            ).text
        except (LabError, OSError) as error:
            return f"{error}\n{self.box.last_words()}"

    def stop(self) -> None:
        """End the box."""
        self.box.stop()


def megabytes(apt_said: str) -> str:
    """Return how much apt says that it fetched and took of the disk."""
    fetched = re.search(r"(?:Need to get|Download size:) (?:[\d.,]+ \wB/)?([\d.,]+ \wB)", apt_said)
    used = re.search(r"(?:operation,|Space needed:) ([\d.,]+ \wB)", apt_said)
    count = re.search(r"(\d+) newly installed|Installing: (\d+)", apt_said)
    return (
        f"{(count[1] or count[2]) if count else '?'} packages, "
        f"{fetched[1] if fetched else '?'} fetched, {used[1] if used else '?'} of the disk"
    )


def leaves(tree: Any, path: str = "") -> dict[str, str]:
    """Return every value of JSON by its path."""
    if isinstance(tree, dict) and tree:
        return {k: v for name in tree for k, v in leaves(tree[name], f"{path}.{name}").items()}
    if isinstance(tree, list) and tree:
        return {k: v for i, one in enumerate(tree) for k, v in leaves(one, f"{path}[{i}]").items()}
    return {path.lstrip("."): json.dumps(tree)}
