"""Real runtimes for the contract test: a podman, a docker, and a registry to pull from."""

import shutil

import pytest

from lab import docker as lab_docker
from lab import registry as lab_registry
from lab.docker import Docker
from lab.podman import Podman
from lab.registry import Registry

REMOTE = "tiny/web:1"


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    if lab_registry.PROGRAM is None:
        pytest.skip("docker-registry is not installed (apt-get install docker-registry)")
    registry = Registry(tmp_path_factory.mktemp("registry"))
    registry.start()
    yield registry
    registry.stop()


@pytest.fixture(scope="session")
def podman(tmp_path_factory, request):
    if shutil.which("podman") is None:
        pytest.skip("podman is not installed; ./dev test installs it")
    insecure = [request.getfixturevalue("registry").address] if lab_registry.PROGRAM else []
    podman = Podman(tmp_path_factory.mktemp("podman"), insecure)
    podman.start()
    yield podman
    podman.remove_all()


@pytest.fixture(scope="session")
def docker(tmp_path_factory):
    if lab_docker.PROGRAM is None or shutil.which("docker") is None:
        pytest.skip("dockerd is not installed (apt-get install docker.io)")
    docker = Docker(tmp_path_factory.mktemp("docker"))
    try:
        docker.start()
        yield docker
    finally:
        docker.remove_all()
