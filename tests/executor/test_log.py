"""A log line, wherever standard error goes."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import sys
from skerry_executor.log import log
for number in range(3):
    log("info", "it goes on", number=number, reason="a b")
sys.exit(7)
"""

BUFFERED = {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}
"""As under systemd."""


def ran(**changes):
    return subprocess.run(
        [sys.executable, "-c", SCRIPT], check=False, env=BUFFERED, timeout=30, **changes
    )


def test_a_line_has_the_level_the_words_and_the_fields():
    done = ran(stderr=subprocess.PIPE)
    assert done.returncode == 7
    lines = done.stderr.decode().splitlines()
    assert lines[0] == 'level=info msg="it goes on" number=0 reason="a b"'
    assert len(lines) == 3


@pytest.mark.parametrize("where", ["full disk", "closed", "nobody reads"])
def test_what_cannot_be_written_ends_nothing_and_is_no_exit_status(where):
    if where == "full disk":
        with open("/dev/full", "wb") as full:
            assert ran(stderr=full).returncode == 7
        return
    if where == "closed":
        assert ran(preexec_fn=lambda: os.close(2)).returncode == 7
        return
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert ran(stderr=writer).returncode == 7
    finally:
        os.close(writer)
