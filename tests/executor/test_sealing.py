"""The box's own key, and what is sealed to it."""

import stat

import pytest
from nacl.public import PrivateKey, PublicKey, SealedBox

from skerry_executor import sealing
from skerry_executor.sealing import SealingError, load_or_make
from skerry_wire.lifecycle import Sealed, fingerprint_of

SHORT = b"skerry-executor sealing key 1\nAA== AA==\n"


def sealed_to(public, content, name="db"):
    return Sealed(name=name, version="1a", box=SealedBox(PublicKey(public)).encrypt(content))


def test_the_key_is_made_once_and_its_file_is_the_owners_alone(tmp_path):
    folder = tmp_path / "state"
    key = load_or_make(folder)
    assert load_or_make(folder) == key
    assert len(key.public) == 32
    assert stat.S_IMODE((folder / sealing.FILE).stat().st_mode) == 0o600
    assert [one.name for one in folder.iterdir()] == [sealing.FILE]


def test_the_key_says_nothing_of_its_private_half(tmp_path):
    key = load_or_make(tmp_path)
    assert repr(key.private) not in repr(key)
    assert PrivateKey(key.private).public_key.encode() == key.public


def test_what_is_sealed_to_the_key_is_opened(tmp_path):
    key = load_or_make(tmp_path)
    assert key.open(sealed_to(key.public, b"pass\0word")) == b"pass\0word"


def test_what_is_sealed_to_another_key_is_refused_by_name_and_fingerprint(tmp_path):
    key = load_or_make(tmp_path / "a")
    other = load_or_make(tmp_path / "b")
    with pytest.raises(SealingError, match=f"secret db .*{fingerprint_of(key.public)}"):
        key.open(sealed_to(other.public, b"plain"))


@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b[:20], lambda b: b"x" + b[1:]])
def test_a_box_that_was_changed_is_refused(tmp_path, change):
    key = load_or_make(tmp_path)
    whole = sealed_to(key.public, b"plain")
    with pytest.raises(SealingError, match="another key"):
        key.open(Sealed(name="db", version="1a", box=change(whole.box)))


def test_a_secret_that_the_hub_holds_back_says_what_to_do(tmp_path):
    with pytest.raises(SealingError, match="describe secret"):
        load_or_make(tmp_path).open(Sealed(name="db", version="1a"))


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"skerry-executor sealing key 1\nAA== AA==\n"]
)
def test_a_damaged_file_is_never_begun_anew_by_itself(tmp_path, content):
    (tmp_path / sealing.FILE).write_bytes(content)
    with pytest.raises(SealingError, match="damaged"):
        load_or_make(tmp_path)
    assert (tmp_path / sealing.FILE).read_bytes() == content


def test_a_half_written_key_of_a_killed_run_is_written_over(tmp_path):
    (tmp_path / (sealing.FILE + ".new")).write_bytes(b"half")
    assert load_or_make(tmp_path) == load_or_make(tmp_path)
