"""What root does in a hub's folder is done as the user whose it is."""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

import pytest

from skerry_hub import keys
from skerry_hub.owner import as_owner
from skerry_hub.pki import authority
from skerry_hub.store_opening import open_store

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
OWNER = 12345


@pytest.fixture
def place():
    # Not pytest's own folder, which another user cannot enter.
    with tempfile.TemporaryDirectory(prefix="skerry-owner-") as name:
        place = pathlib.Path(name)
        place.chmod(0o755)
        yield place


def owners(folder):
    return {one.stat().st_uid for one in (folder, *folder.rglob("*"))}


def test_root_is_another_meanwhile_and_root_again_after(place):
    os.chown(place, OWNER, OWNER)
    before = (os.geteuid(), os.getegid(), os.getgroups())
    with as_owner(place):
        (place / "file").write_text("")
        with pytest.raises(PermissionError):
            os.open("/etc/shadow", os.O_RDONLY)
    about = (place / "file").stat()
    assert (about.st_uid, about.st_gid) == (OWNER, OWNER)
    assert (os.geteuid(), os.getegid(), os.getgroups()) == before
    with pytest.raises(ZeroDivisionError), as_owner(place):
        raise ZeroDivisionError
    assert os.geteuid() == 0


def test_no_command_of_root_leaves_what_the_hub_cannot_read(place):
    data = place / "data"
    data.mkdir(mode=0o700)
    os.chown(data, OWNER, OWNER)
    with as_owner(data):
        os.umask(0o077)
        open_store(f"sqlite:///{data / 'hub.db'}").close()
        keys.load_or_make(data)
        authority.load_or_make(data, time.time())
    for words in (
        ("reader-certificate", "grafana", "--out", place / "grafana.pem"),
        ("reader-certificate", "grafana", "--remove"),
        ("key", "rotate"),
        ("key", "retire", "--force"),
        ("access", "create", "--name", "a", "--role", "viewer"),
        ("token", "create"),
        ("audit", "cut", "--keep-days", "0", "-o", place / "cut.jsonl"),
        ("audit", "verify"),
    ):
        command = [sys.executable, "-m", "skerry_hub.main", *map(str, words), "--data", str(data)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (words, done.stderr)
        assert owners(data) == {OWNER}, words
    assert {one.stat().st_uid for one in (place / "grafana.pem", place / "cut.jsonl")} == {0}


def test_a_password_file_that_the_folder_names_is_read_as_its_owner(place):
    """Else whoever took over the hub had root read any file, and send it to a server of his."""
    data = place / "data"
    data.mkdir(mode=0o700)
    (data / "started").write_text(
        '{"database": "postgresql://a@127.0.0.1:1/x", "database_password_file": "/etc/shadow"}'
    )
    for one in (data, data / "started"):
        os.chown(one, OWNER, OWNER)
    command = [sys.executable, "-m", "skerry_hub.main", "access", "list", "--data", str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "/etc/shadow: Permission denied" in done.stderr) == (2, True)


def test_who_may_not_read_the_folder_can_ask_whether_the_hub_is_well(place):
    data = place / "data"
    data.mkdir(mode=0o700)
    (data / "started").write_text('{"listen": "127.0.0.1:1"}')
    command = [sys.executable, "-m", "skerry_hub.main", "healthcheck", "--data", str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, user=OWNER)
    assert (done.returncode, "Permission denied" in done.stderr) == (1, False), done.stderr
    assert "it does not answer" in done.stderr
