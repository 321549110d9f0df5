import dataclasses
import os
import subprocess
import sys

import click.testing
import pytest
from tests.cli.canned import CannedHub

from skerry_cli.main import cli

NO_CONFIG = "/nonexistent/skerry-config"
"""Nobody is logged in, whoever runs the tests."""


@dataclasses.dataclass
class Done:
    code: int
    out: str
    err: str


@pytest.fixture
def hub():
    hub = CannedHub()
    yield hub
    hub.stop()


@pytest.fixture
def skerry_any(hub):
    """Run a command line in this process against the canned hub, however it ends."""

    def run(*words, data=None, **environment):
        done = click.testing.CliRunner().invoke(
            cli,
            words,
            prog_name="skerry",
            input=data,
            env={"SKERRY_HUB": hub.url, "SKERRY_CONFIG": NO_CONFIG, **environment},
            catch_exceptions=False,
        )
        return Done(done.exit_code, done.stdout, done.stderr)

    return run


@pytest.fixture
def skerry(skerry_any):
    """Run a command line in this process against the canned hub, and expect its exit status."""

    def run(*words, code=0, **given):
        done = skerry_any(*words, **given)
        assert done.code == code, done
        return done

    return run


@pytest.fixture
def start(hub):
    """Start a command line as a process of its own against the canned hub."""
    started = []

    def run(*words, **options):
        given = {"SKERRY_HUB": hub.url, "SKERRY_CONFIG": NO_CONFIG, "TERM": "xterm"}
        environment = {**given, **options.pop("env", {})}
        clean = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
        process = subprocess.Popen(
            [sys.executable, "-m", "skerry_cli", *words],
            env={**clean, **environment},
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options},
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
