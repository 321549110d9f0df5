"""The order key's file: made once, private, and refused when it is anything else."""

import base64
import os
import pathlib
import stat
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from skerry_hub.keys import PRIVATE, PUBLIC, OrderKeyError, load_or_make
from skerry_wire.envelope import key_id_of


def test_it_is_made_at_the_first_start_and_survives(tmp_path):
    first, again = load_or_make(tmp_path), load_or_make(tmp_path)
    assert first.public == again.public
    assert first.id == key_id_of(first.public)
    Ed25519PublicKey.from_public_bytes(first.public).verify(again.sign(b"order"), b"order")
    assert base64.b64decode((tmp_path / PUBLIC).read_text()) == first.public


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_it_is_private_whatever_the_umask_is(tmp_path, umask):
    # In a process of its own: a umask is the whole process's.
    code = (
        "import os, pathlib, sys; from skerry_hub.keys import load_or_make; "
        "os.umask(int(sys.argv[1])); load_or_make(pathlib.Path(sys.argv[2]))"
    )
    subprocess.run([sys.executable, "-c", code, str(umask), str(tmp_path)], check=True)
    assert stat.S_IMODE((tmp_path / PRIVATE).stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused_with_what_to_do(tmp_path, mode):
    load_or_make(tmp_path)
    (tmp_path / PRIVATE).chmod(mode)
    with pytest.raises(OrderKeyError, match=f"mode 0{mode:o}.*chmod 600"):
        load_or_make(tmp_path)


def other_kind():
    return generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"", "damaged"), (b"nonsense", "damaged"), (other_kind(), "not an Ed25519 key")],
)
def test_a_damaged_key_is_refused_and_never_replaced(tmp_path, content, word):
    path = tmp_path / PRIVATE
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(OrderKeyError, match=word) as raised:
        load_or_make(tmp_path)
    assert str(path) in str(raised.value)
    assert path.read_bytes() == content


def test_a_key_file_with_its_half_cut_off_tells_nothing_of_it(tmp_path):
    load_or_make(tmp_path)
    path = tmp_path / PRIVATE
    text = path.read_text()
    path.write_text(text[:60])
    with pytest.raises(OrderKeyError) as raised:
        load_or_make(tmp_path)
    assert text.splitlines()[1][:20] not in str(raised.value)


def test_a_public_half_that_was_lost_or_changed_is_written_again(tmp_path):
    key = load_or_make(tmp_path)
    for spoil in (pathlib.Path.unlink, lambda path: path.write_text("other\n")):
        spoil(tmp_path / PUBLIC)
        load_or_make(tmp_path)
        assert base64.b64decode((tmp_path / PUBLIC).read_text()) == key.public


def test_a_folder_that_is_none_is_said(tmp_path):
    with pytest.raises(OrderKeyError, match="No such file"):
        load_or_make(tmp_path / "nowhere")
    (tmp_path / PRIVATE).mkdir()
    with pytest.raises(OrderKeyError, match="Is a directory"):
        load_or_make(tmp_path)


def test_what_a_start_that_was_cut_off_left_behind_is_no_obstacle(tmp_path):
    (tmp_path / PRIVATE).with_suffix(".new").write_bytes(b"half")
    os.chmod((tmp_path / PRIVATE).with_suffix(".new"), 0o600)
    assert load_or_make(tmp_path).public == load_or_make(tmp_path).public
