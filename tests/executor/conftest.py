"""Real runtimes for the contract test, and a registry to pull from."""

import shutil

import pytest
from tests.executor.more_surroundings import RealContainerd, RealKubelet
from tests.executor.surroundings import Faked, Real

from lab import containerd as lab_containerd
from lab import docker as lab_docker
from lab import kubelet as lab_kubelet
from lab import registry as lab_registry
from lab.containerd import Containerd
from lab.docker import Docker
from lab.kubelet import Kubelet
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


@pytest.fixture(scope="session")
def containerd(tmp_path_factory, request):
    if lab_containerd.PROGRAM is None or lab_containerd.CLIENT is None:
        pytest.skip("containerd is not installed (apt-get install containerd)")
    names = ("registry", "private_registry") if lab_registry.PROGRAM else ()
    insecure = [request.getfixturevalue(name).address for name in names]
    containerd = Containerd(tmp_path_factory.mktemp("containerd"), insecure)
    try:
        containerd.start()
        yield containerd
    finally:
        containerd.remove_all()


@pytest.fixture(scope="session")
def kubelet(tmp_path_factory, request):
    if not lab_kubelet.PROGRAM.exists() or lab_containerd.PROGRAM is None:
        pytest.skip("there is no kubelet (python packaging/lab/kubelet_build.py, some minutes)")
    names = ("registry", "private_registry") if lab_registry.PROGRAM else ()
    insecure = [request.getfixturevalue(name).address for name in names]
    kubelet = Kubelet(tmp_path_factory.mktemp("kubelet"), insecure)
    try:
        kubelet.start()
        yield kubelet
    finally:
        kubelet.remove_all()


REAL = ("podman", "docker", "containerd", "kubelet")
SURROUNDINGS = {"containerd": RealContainerd, "kubelet": RealKubelet}


def pytest_generate_tests(metafunc):
    """Run a test with each runtime, but for those of which it says that they lack what it needs."""
    for fixture, names in (("any_runtime", ("fake", *REAL)), ("real", REAL)):
        if fixture in metafunc.fixturenames:
            marks = metafunc.definition.iter_markers("lacking")
            lacking = {name for mark in marks for name in mark.kwargs}
            own = [name for name in names if name not in lacking]
            metafunc.parametrize(fixture, own, indirect=True)


def opened(request):
    if request.param == "fake":
        return Faked()
    return SURROUNDINGS.get(request.param, Real)(request.getfixturevalue(request.param))


@pytest.fixture
def any_runtime(request):
    found = opened(request)
    yield found
    found.clear()


@pytest.fixture
def real(request):
    found = opened(request)
    yield found
    found.clear()


@pytest.fixture
def podman_box(podman):
    found = Real(podman)
    yield found
    found.clear()
