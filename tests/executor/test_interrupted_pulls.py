"""Pulls that a boot interrupted, as the next process finds them."""

import pytest

from skerry_executor.interrupted_pulls import FILE, MOST, InterruptedPulls

WEB, DB = "registry.example/web:1", "registry.example/db:1"


@pytest.fixture
def boot(tmp_path):
    """Return a function that begins another start of the box, and returns what is known then."""
    place = tmp_path / "proc/sys/kernel/random"
    place.mkdir(parents=True)

    def begin(name):
        (place / "boot_id").write_text(name)
        return InterruptedPulls(tmp_path, tmp_path)

    return begin


def test_a_pull_that_a_boot_interrupted_is_known_with_what_was_there_before(boot):
    first = boot("1")
    assert not first.begin(WEB, "a" * 64)
    assert not first.begin(DB, None)
    first.end(DB)
    assert first.before(WEB) is None, "it is under way"
    second = boot("2")
    assert second.before(DB) is None
    assert second.before(WEB).id_before == "a" * 64
    assert second.begin(WEB, "b" * 64)
    assert second.before(WEB).id_before == "a" * 64, "the first one counts"
    assert boot("3").begin(WEB, None)


def test_it_is_forgotten_once_it_was_pulled(boot):
    boot("1").begin(WEB, None)
    second = boot("2")
    second.begin(WEB, None)
    second.end(WEB)
    assert boot("3").before(WEB) is None


def test_a_process_that_was_killed_is_no_boot(boot):
    boot("1").begin(WEB, None)
    assert not boot("1").begin(WEB, None)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"skerry-executor pulls 1\n" + b"x" * 80])
def test_a_damaged_file_is_as_none(boot, tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    found = boot("1")
    assert found.before(WEB) is None
    found.begin(WEB, None)
    assert boot("2").before(WEB) is not None


def test_the_file_is_bounded_and_a_folder_that_cannot_be_written_is_no_trouble(boot, tmp_path):
    found = boot("1")
    for number in range(MOST + 1):
        found.begin(f"registry.example/web:{number}", None)
    second = boot("2")
    assert second.before("registry.example/web:0") is None
    assert second.before(f"registry.example/web:{MOST}") is not None
    (tmp_path / "file").write_text("")
    assert not InterruptedPulls(tmp_path / "file" / "state", tmp_path).begin(WEB, None)
