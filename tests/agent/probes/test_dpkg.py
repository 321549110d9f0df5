"""Versions from dpkg's list."""

import pytest

from skerry_agent.host import Host
from skerry_agent.probes import dpkg

STATUS = b"""Package: podman
Status: install ok installed
Version: 4.3.1+ds1-8+b1

Package: podman-docker
Status: install ok installed
Version: 9

Package: containerd
Status: deinstall ok config-files
Version: 1.6.20~ds1-1
"""


@pytest.mark.parametrize(
    ("name", "version"),
    [("podman", "4.3.1+ds1-8+b1"), ("containerd", None), ("docker", None), ("docker.io", None)],
)
def test_versions(name, version):
    assert dpkg.version_in(STATUS, name) == version


@pytest.mark.parametrize("status", [b"", b"Package: podman\n", b"\nPackage: podman\n\nVersion: 1"])
def test_a_list_that_breaks_off(status):
    assert dpkg.version_in(status, "podman") is None


def test_the_first_that_is_installed_and_a_new_list_is_read(tree):
    tree.write("var/lib/dpkg/status", STATUS)
    host = Host(tree.root)
    assert dpkg.version(host, ("containerd", "podman")) == "4.3.1+ds1-8+b1"
    tree.write("var/lib/dpkg/status", STATUS.replace(b"4.3.1", b"5.4.22"))
    assert dpkg.version(host, ("containerd", "podman")) == "5.4.22+ds1-8+b1"


def test_a_box_without_a_list(tree):
    assert dpkg.version(tree.host, ("podman",)) is None
