"""What a join asks of other programs of the box: here real ones, of this file's making."""

import pytest

from skerry_agent.joining import services


@pytest.fixture
def executor(tmp_path):
    """Return what puts a program of the executor's name, and no other, where it is looked for."""

    def put(text):
        program = tmp_path / "skerry-executor"
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)

    return put


def test_the_executor_tells_its_key(executor, tmp_path):
    executor('[ "$*" = sealing-key ] && echo KEY=')
    assert services.sealing_key(str(tmp_path)) == ("KEY=", "")


def test_why_it_cannot_be_had(executor, tmp_path):
    assert services.sealing_key(str(tmp_path)) == (None, "skerry-executor is not installed")
    executor('echo "skerry-executor: the state is damaged" >&2; exit 1')
    assert services.sealing_key(str(tmp_path)) == (None, "skerry-executor: the state is damaged")


def test_the_executor_forgets_or_it_is_said_what_to_do(executor, tmp_path):
    assert services.forget_orders(str(tmp_path)) is None
    executor('[ "$*" = "reset --yes" ]')
    assert services.forget_orders(str(tmp_path)) is None
    executor("echo busy >&2; exit 1")
    assert "busy" in services.forget_orders(str(tmp_path))
