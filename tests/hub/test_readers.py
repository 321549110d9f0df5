"""The list of those who may read the fleet's views on the broker."""

import pytest

from skerry_hub import readers


def test_names_are_added_and_removed_and_there_are_none_at_first(tmp_path):
    assert readers.names(tmp_path) == ()
    for name in ("grafana", "erp", "grafana"):
        readers.add(tmp_path, name)
    assert readers.names(tmp_path) == ("erp", "grafana")
    assert readers.remove(tmp_path, "erp")
    assert not readers.remove(tmp_path, "erp")
    assert readers.names(tmp_path) == ("grafana",)
    assert readers.removed(tmp_path) == ("erp",)
    assert (tmp_path / "tls" / readers.FILE).stat().st_mode & 0o777 == 0o600


def test_who_was_removed_is_remembered_until_he_is_added_again(tmp_path):
    for name in ("erp", "grafana"):
        readers.add(tmp_path, name)
        readers.remove(tmp_path, name)
    readers.add(tmp_path, "erp")
    assert (readers.names(tmp_path), readers.removed(tmp_path)) == (("erp",), ("grafana",))
    assert not readers.remove(tmp_path, "grafana"), "he is off the list already"
    assert readers.removed(tmp_path) == ("grafana",)


@pytest.mark.parametrize("name", ["", "-a", "a b", "a\nuser skerry:hub", "A", "#", "a:b", "x" * 64])
def test_nothing_but_a_name_gets_on_the_list(tmp_path, name):
    with pytest.raises(ValueError, match="no reader's name"):
        readers.add(tmp_path, name)


def test_a_file_that_somebody_spoilt_is_told(tmp_path):
    readers.add(tmp_path, "grafana")
    (tmp_path / "tls" / readers.FILE).write_text("grafana\ntopic readwrite #\n")
    for look in (readers.names, readers.removed):
        with pytest.raises(ValueError, match="topic readwrite"):
            look(tmp_path)
