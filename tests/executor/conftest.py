"""Real runtimes for the contract test, and a registry to pull from."""

import contextlib

import pytest
from tests.executor.more_surroundings import RealContainerd, RealKubelet
from tests.executor.surroundings import Faked, Real

from lab import registry as lab_registry
from lab import runtimes as lab_runtimes
from lab.processes import LabError
from lab.registry import Registry
from lab.runtimes import OF_THIS_MACHINE, VERSIONS


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
def labs(tmp_path_factory, request):
    """Return what gives the runtime of a name, started; it is made once for all tests."""
    names = ("registry", "private_registry") if lab_registry.PROGRAM else ()
    insecure = [request.getfixturevalue(name).address for name in names]
    made = {}
    with contextlib.ExitStack() as stack:

        def give(name):
            if name not in made:
                try:
                    made[name] = lab_runtimes.prepared(
                        name, tmp_path_factory.mktemp(name), insecure
                    )
                except LabError as error:
                    made[name] = str(error)
                else:
                    stack.callback(made[name].remove_all)
                    made[name].start()
            if isinstance(made[name], str):
                pytest.skip(made[name])
            return made[name]

        yield give


def named(request, kind):
    return request.getfixturevalue("labs")(getattr(request, "param", kind))


@pytest.fixture(scope="session")
def podman(request):
    return named(request, "podman")


@pytest.fixture(scope="session")
def docker(request):
    return named(request, "docker")


@pytest.fixture(scope="session")
def containerd(request):
    return named(request, "containerd")


@pytest.fixture(scope="session")
def kubelet(request):
    return named(request, "kubelet")


SURROUNDINGS = {"containerd": RealContainerd, "kubelet": RealKubelet}


def chosen(config):
    """Return the versions of runtimes to test on, as the command line names them."""
    names = [one for one in config.getoption("--runtimes").split(",") if one]
    for one in names:
        if one not in VERSIONS:
            raise pytest.UsageError(f"there is no runtime {one}; there are {', '.join(VERSIONS)}")
    return names


def pytest_generate_tests(metafunc):
    """Run a test with each runtime, but for those of which it says that they lack what it needs."""
    names = chosen(metafunc.config)
    real = names or OF_THIS_MACHINE
    every = names or ("fake", *OF_THIS_MACHINE)
    for fixture, offered in (("any_runtime", every), ("real", real)):
        if fixture in metafunc.fixturenames:
            marks = metafunc.definition.iter_markers("lacking")
            lacking = {name for mark in marks for name in mark.kwargs}
            own = [name for name in offered if kind_of(name) not in lacking]
            metafunc.parametrize(fixture, own, indirect=True)
    for kind in OF_THIS_MACHINE if names else ():
        if kind in metafunc.fixturenames:
            own = [name for name in names if kind_of(name) == kind]
            metafunc.parametrize(kind, own, indirect=True, scope="session")


def kind_of(name):
    return VERSIONS[name].kind if name in VERSIONS else name


def opened(request):
    if request.param == "fake":
        return Faked()
    lab = request.getfixturevalue("labs")(request.param)
    return SURROUNDINGS.get(kind_of(request.param), Real)(lab)


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
