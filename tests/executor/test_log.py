"""A log line, wherever standard error goes."""

import os
import socket
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


def test_the_journal_is_told_itself_with_each_pair_as_a_field(tmp_path):
    """The journal's path is fixed; a mount namespace has a socket of the test's own there."""
    if os.geteuid() != 0:
        pytest.skip("only root may put a socket where the journal's is")
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener,
        open(tmp_path / "stream", "wb") as stream,
    ):
        listener.bind(str(tmp_path / "socket"))
        listener.settimeout(10)
        found = os.fstat(stream.fileno())
        place = "mkdir -p /run/systemd/journal && mount -t tmpfs tmpfs /run/systemd/journal"
        bind = 'touch /run/systemd/journal/socket && mount --bind "$1" /run/systemd/journal/socket'
        words = ["unshare", "--mount", "sh", "-ec", f'{place}; {bind}; exec "$2" -c "$3"', "sh"]
        done = subprocess.run(
            [*words, tmp_path / "socket", sys.executable, SCRIPT],
            env={**BUFFERED, "JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"},
            stderr=stream,
            timeout=30,
        )
        assert done.returncode == 7
        assert (tmp_path / "stream").read_bytes() == b""
        assert listener.recv(65_536).decode().splitlines() == [
            "SYSLOG_IDENTIFIER=skerry-executor",
            "PRIORITY=6",
            'MESSAGE=it goes on number=0 reason="a b"',
            "SKERRY_NUMBER=0",
            "SKERRY_REASON=a b",
        ]
