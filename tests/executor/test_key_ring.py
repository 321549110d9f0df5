"""The keys that a box trusts, on its disk: through kills and damage, and as `keys` shows them."""

import base64
import os
import signal
import sys

import pytest
from tests.executor.changes import CHAIN, NEW, NEWEST, OLD, RETIRED, ROTATED, name, public, several
from tests.executor.orders import KEYS, key_file

from skerry_executor import key_ring
from skerry_executor.key_changes import KeyRing, taken
from skerry_executor.main import main
from skerry_executor.settings import Settings
from skerry_executor.state import StateError
from skerry_wire.order_keys import KeyStanding


def ring_after(*changes):
    return taken(several(*changes), KeyRing(), KEYS).ring


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "hub.pub").write_text(key_file())
    return Settings(state=tmp_path / "state", keys=tmp_path / "keys")


def keys(settings):
    return set(key_ring.trusted_keys(settings).by_id)


def test_without_changes_root_s_files_count(settings):
    assert keys(settings) == {name(OLD)}
    assert key_ring.standing(settings) == KeyStanding(trusted=(name(OLD),))


def test_what_was_learned_outlives_the_process(settings):
    key_ring.save(settings.state, ring_after(ROTATED))
    assert keys(settings) == {name(OLD), name(NEW)}
    key_ring.save(settings.state, ring_after(*CHAIN))
    assert keys(settings) == {name(NEWEST)}
    assert key_ring.standing(settings) == KeyStanding(sequence=21, trusted=(name(NEWEST),))


def test_a_retired_key_stays_so_though_root_s_file_is_still_there_and_that_is_said(settings):
    ring = ring_after(*CHAIN)
    key_ring.save(settings.state, KeyRing(sequence=21, retired=ring.retired))
    found = key_ring.trusted_keys(settings)
    assert found.by_id == {}
    assert "was retired" in found.problems[0]


def test_a_damaged_file_has_no_key_trusted_rather_than_a_retired_one(settings):
    key_ring.save(settings.state, ring_after(*CHAIN))
    path = settings.state / key_ring.FILE
    path.write_bytes(path.read_bytes()[:-1])
    found = key_ring.trusted_keys(settings)
    assert found.by_id == {}
    assert "skerry-executor keys --forget --yes" in found.problems[0]
    assert key_ring.order_keys(settings) == {public(OLD)}
    assert key_ring.standing(settings) is None
    with pytest.raises(StateError, match="damaged"):
        key_ring.load(settings.state)


def test_killed_at_any_step_of_writing_it_is_the_old_or_the_new(settings):
    before, after = ring_after(ROTATED), ring_after(ROTATED, RETIRED)
    found = []
    for step in range(1, 200):
        key_ring.save(settings.state, before)
        if not _killed_in_save(settings.state, after, step):
            break
        found.append(key_ring.load(settings.state))
    assert set(found) == {before, after}
    assert found == sorted(found, key=[before, after].index), "once it is new it stays so"
    assert len(found) > 15, "the kills hit what they were meant for"
    assert key_ring.load(settings.state) == after


def _killed_in_save(folder, ring, step):
    """Save in a child that is killed at its `step`th call of C code; say whether it was."""
    child = os.fork()
    if child == 0:
        left = step

        def profile(_frame, event, _called):
            nonlocal left
            if event in ("c_call", "c_return"):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(profile)
        key_ring.save(folder, ring)
        sys.setprofile(None)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def run(settings, *arguments):
    return main(["keys", f"--state={settings.state}", f"--keys={settings.keys}", *arguments])


def test_the_command_says_which_key_is_trusted_and_why(settings, capsys):
    assert run(settings) == 0
    assert capsys.readouterr().out == f"{name(OLD)}  trusted, by {settings.keys}\n"
    key_ring.save(settings.state, ring_after(ROTATED, RETIRED))
    assert run(settings) == 0
    assert sorted(capsys.readouterr().out.splitlines()) == sorted((
        f"{name(NEW)}  trusted, by the hub's change 11 or earlier",
        f"{name(OLD)}  retired by the hub; it is still in {settings.keys}",
    ))  # fmt: skip


def test_root_can_forget_all_changes_after_being_asked(settings, capsys):
    key_ring.save(settings.state, ring_after(*CHAIN))
    (settings.keys / "new.pub").write_text(base64.b64encode(public(NEW)).decode())
    assert run(settings, "--forget") == 1
    assert "remove what must not be trusted" in capsys.readouterr().err
    assert keys(settings) == {name(NEWEST)}
    assert run(settings, "--forget", "--yes") == 0
    assert keys(settings) == {name(OLD), name(NEW)}
    assert run(settings, "--forget", "--yes") == 0
    assert "nothing to forget" in capsys.readouterr().out


def test_what_signed_orders_is_not_forgotten_while_it_would_approve_then(
    settings, tmp_path, capsys
):
    key_ring.save(settings.state, ring_after(*CHAIN))
    folder = tmp_path / "approval-keys"
    folder.mkdir()
    for one in (OLD, NEW):
        text = base64.b64encode(public(one)).decode()
        (folder / f"{name(one)}.pub").write_text(text)
    arguments = ("--forget", "--yes", f"--approval-keys={folder}")
    assert run(settings, *arguments) == 1
    said = capsys.readouterr().err
    assert f"has {name(NEW)}, which signed orders" in said
    assert name(OLD) not in said, "root's own file has it still, so it approves nothing"
    assert keys(settings) == {name(NEWEST)}
    (folder / f"{name(NEW)}.pub").unlink()
    assert run(settings, *arguments) == 0


def test_a_new_identity_brings_no_retired_key_back(settings):
    key_ring.save(settings.state, ring_after(*CHAIN))
    arguments = (f"--state={settings.state}", f"--keys={settings.keys}")
    assert main(["reset", "--yes", *arguments]) == 0
    assert keys(settings) == {name(NEWEST)}


def test_a_box_without_any_key_says_so(settings, capsys):
    (settings.keys / "hub.pub").unlink()
    assert run(settings) == 1
    assert "no key is trusted" in capsys.readouterr().out
