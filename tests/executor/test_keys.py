"""The folder of trusted keys."""

import base64

import pytest
from tests.executor.orders import KEYS, PUBLIC, key_file

from skerry_executor.keys import KeyFileError, parse_key, read_keys


def test_keys_are_read_by_their_id_and_a_bad_file_silences_no_other(tmp_path):
    (tmp_path / "hub.pub").write_text("# the hub in the cellar\n\n" + key_file())
    (tmp_path / "bad.pub").write_text("no key\n")
    (tmp_path / "ignored.txt").write_text("no key\n")
    (tmp_path / "folder.pub").mkdir()
    found = read_keys(tmp_path)
    assert found.by_id == KEYS
    assert found.problems == (
        f"{tmp_path}/bad.pub: is not base64",
        f"{tmp_path}/folder.pub: Is a directory",
    )


def test_a_folder_without_keys_says_what_to_do(tmp_path):
    assert "join a hub, or put its public key there" in read_keys(tmp_path).problems[0]
    assert read_keys(tmp_path / "none").problems == (f"{tmp_path}/none: No such file or directory",)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "one line"),
        (b"a\nb\n", "one line with a key in base64, not 2"),
        (b"!!!!", "is not base64"),
        (base64.b64encode(PUBLIC[:-1]), "holds 31 bytes"),
        (base64.b64encode(PUBLIC * 2), "holds 64 bytes"),
        (b"#" * 5000, "larger than 4096 bytes"),
    ],
)
def test_a_file_that_holds_no_key_says_why(content, words):
    with pytest.raises(KeyFileError, match=words):
        parse_key(content)
