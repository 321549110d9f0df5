"""Databases and brokers for the hub's tests: each test has its own, one server serves them all."""

import itertools
import pathlib
import shutil
import tempfile

import pytest
import structlog
from tests.hub import rig

from lab import postgres
from lab.broker import Mosquitto
from lab.postgres import Postgres

_numbers = itertools.count()
structlog.configure(logger_factory=structlog.ReturnLoggerFactory())  # threads outlive a capture


@pytest.fixture(scope="session")
def server():
    if not postgres.installed():
        pytest.skip("PostgreSQL is not installed; ./dev test installs it")
    # Not pytest's own folder, which another user cannot enter.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="skerry-postgres-"))
    folder.chmod(0o755)
    server = Postgres(folder / "server")
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def databases(request):
    """Give rigs PostgreSQL where a run asks for it: ./dev test tests/hub --hub-database=..."""
    if request.config.getoption("--hub-database") == "postgresql":
        rig.DATABASES.make = request.getfixturevalue("server").make


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """The URL of an empty database, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'hub.db'}"
    return request.getfixturevalue("server").make(f"hub_{next(_numbers)}")


@pytest.fixture
def mosquitto(tmp_path):
    mosquitto = Mosquitto(tmp_path / "broker")
    mosquitto.start()
    yield mosquitto
    mosquitto.stop()


def pytest_collection_modifyitems(config, items):
    """Leave out what is about the file of SQLite where a run asks for PostgreSQL."""
    if config.getoption("--hub-database") != "postgresql":
        return
    reason = "it reaches into the file of SQLite, and this run has PostgreSQL"
    for item in items:
        if item.get_closest_marker("sqlite_file"):
            item.add_marker(pytest.mark.skip(reason=reason))
