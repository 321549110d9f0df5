"""Two boxes with a runtime each: one is drained while the command line watches."""

import pytest

from lab.fleet import Box
from lab.podman import Podman

pytestmark = pytest.mark.e2e

WEB = """\
name: shop
services:
  web:
    image: {image}
    command: ["/bin/httpd", "-f", "-p", "80", "-h", "/www"]
"""


@pytest.fixture
def other(fleet, tmp_path, tmp_path_factory):
    """A second box, online, with a podman of its own."""
    podman = Podman(tmp_path_factory.mktemp("other"))
    podman.start()
    box = Box(tmp_path / "other", fleet.hub.broker_url, podman.socket, node="box-2")
    try:
        box.trust(fleet.hub.key)
        box.start()
        fleet.hub.cli("wait", "node", "box-2", "--for", "online", "--timeout", "60s")
        yield podman
    finally:
        box.stop()
        podman.remove_all()


def names(podman):
    return podman.run("ps", "--format", "{{.Names}}").split()


def test_a_box_is_drained_and_its_container_runs_on_the_other(fleet, other):
    podmans = {"box-1": fleet.podman, "box-2": other}
    path = fleet.folder / "shop.yaml"
    path.write_text(WEB.format(image=fleet.podman.image))
    fleet.hub.cli("apply", "-f", str(path), "--wait", "--timeout", "60s")
    here = fleet.instance("shop-web-0")["node"]
    there = {"box-1": "box-2", "box-2": "box-1"}[here]
    done = fleet.hub.cli("drain", here, "--timeout", "60s")
    assert f"> shop-web-0 to {there}" in done.stdout
    assert done.stdout.endswith(f"node/{here} drained\n")
    assert [len(names(podmans[one])) for one in (here, there)] == [0, 1]

    # Nothing goes back to it, a hub that was killed knows that still, and nothing more fits.
    fleet.hub.kill()
    fleet.hub.start()
    assert "online,cordoned" in fleet.hub.cli("get", "nodes").stdout
    stuck = fleet.hub.cli("drain", there, check=False)
    assert stuck.returncode == 3
    assert "taints 1 node" in stuck.stderr
    assert len(names(podmans[there])) == 1

    fleet.hub.cli("uncordon", here)
    fleet.hub.cli("drain", there, "--timeout", "60s")
    assert [len(names(podmans[one])) for one in (here, there)] == [1, 0]
