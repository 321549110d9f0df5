"""Real runtimes for the contract test: a podman, a docker, and a registry to pull from."""

import shutil

import pytest
from tests.executor.surroundings import Faked, Real

from lab import docker as lab_docker
from lab import registry as lab_registry
from lab.docker import Docker
from lab.podman import Podman
from lab.registry import Registry


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    if lab_registry.PROGRAM is None:
        pytest.skip("docker-registry is not installed (apt-get install docker-registry)")
    registry = Registry(tmp_path_factory.mktemp("registry"))
    registry.start()
    yield registry
    registry.stop()


@pytest.fixture(scope="session")
def private_registry(tmp_path_factory, registry):
    """A registry that has what the other has, and wants to know who asks."""
    private = Registry(tmp_path_factory.mktemp("private"), private=registry)
    private.start()
    yield private
    private.stop()


@pytest.fixture(scope="session")
def podman(tmp_path_factory, request):
    if shutil.which("podman") is None:
        pytest.skip("podman is not installed; ./dev test installs it")
    names = ("registry", "private_registry") if lab_registry.PROGRAM else ()
    insecure = [request.getfixturevalue(name).address for name in names]
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


@pytest.fixture(params=["fake", "podman", "docker"])
def any_runtime(request):
    fake = request.param == "fake"
    found = Faked() if fake else Real(request.getfixturevalue(request.param))
    yield found
    found.clear()


@pytest.fixture(params=["podman", "docker"])
def real(request):
    found = Real(request.getfixturevalue(request.param))
    yield found
    found.clear()
