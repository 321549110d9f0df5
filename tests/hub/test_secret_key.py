"""The hub's key for secrets: what it locks, and what it seals."""

import stat

import pytest
from nacl.public import PrivateKey, SealedBox

from skerry_hub import secret_key
from skerry_hub.keys import OrderKeyError
from skerry_hub.secret_key import SecretKeyError, load_or_make

CONTENT = b"tr0ub4dor & 3"
BOX = PrivateKey(b"\x07" * 32)
PUBLIC = bytes(BOX.public_key)


@pytest.fixture
def key(tmp_path):
    return load_or_make(tmp_path)


def test_the_file_is_made_once_and_is_its_owners_alone(tmp_path, key):
    path = tmp_path / secret_key.FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    locked = key.locked("db", "1a", CONTENT)
    assert load_or_make(tmp_path).content("db", "1a", locked) == CONTENT


@pytest.mark.parametrize("content", [b"", b"nonsense", b"AAAA\n"])
def test_a_damaged_file_is_said_to_be(tmp_path, content):
    path = tmp_path / secret_key.FILE
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(OrderKeyError, match="damaged"):
        load_or_make(tmp_path)


def test_a_file_that_others_read_is_refused(tmp_path, key):
    (tmp_path / secret_key.FILE).chmod(0o640)
    with pytest.raises(OrderKeyError, match="chmod 600"):
        load_or_make(tmp_path)


def test_what_is_locked_shows_nothing_and_is_another_one_each_time(key):
    locked = key.locked("db", "1a", CONTENT)
    assert CONTENT not in locked
    assert key.locked("db", "1a", CONTENT) != locked


@pytest.mark.parametrize(("name", "version"), [("db2", "1a"), ("db", "1b")])
def test_what_is_locked_opens_under_its_own_name_and_version_alone(key, name, version):
    locked = key.locked("db", "1a", CONTENT)
    with pytest.raises(SecretKeyError, match=f"secret {name} .*backup") as raised:
        key.content(name, version, locked)
    assert CONTENT.decode() not in str(raised.value)


@pytest.mark.parametrize("change", [lambda d: d[:-1], lambda d: d[:5], lambda d: b"", None])
def test_what_was_changed_or_locked_elsewhere_does_not_open(tmp_path, key, change):
    locked = key.locked("db", "1a", CONTENT)
    if change is None:
        (tmp_path / secret_key.FILE).unlink()
        key = load_or_make(tmp_path)
    with pytest.raises(SecretKeyError):
        key.content("db", "1a", change(locked) if change else locked)


def test_a_sealed_box_is_libsodiums_and_always_the_same(tmp_path, key):
    box = key.sealed("db", "1a", CONTENT, PUBLIC)
    assert SealedBox(BOX).decrypt(box) == CONTENT
    assert load_or_make(tmp_path).sealed("db", "1a", CONTENT, PUBLIC) == box


def test_no_two_contents_names_versions_or_nodes_share_an_ephemeral_key(key):
    other = bytes(PrivateKey(b"\x08" * 32).public_key)
    boxes = [
        key.sealed("db", "1a", CONTENT, PUBLIC),
        key.sealed("db", "1a", CONTENT + b"!", PUBLIC),
        key.sealed("db", "1b", CONTENT, PUBLIC),
        key.sealed("db2", "1a", CONTENT, PUBLIC),
        key.sealed("db", "1a", CONTENT, other),
    ]
    assert len({box[:32] for box in boxes}) == len(boxes)


@pytest.mark.parametrize("public", [b"", b"short", bytes(32)])
def test_what_is_no_key_is_refused(key, public):
    with pytest.raises(SecretKeyError, match="sealing key"):
        key.sealed("db", "1a", CONTENT, public)
