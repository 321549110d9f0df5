"""What has ended of the accepted order, as it is kept."""

import pytest

from skerry_executor import ended
from skerry_executor.state import StateError


def test_what_has_ended_is_known_of_its_own_order_alone(tmp_path):
    assert ended.load(tmp_path, 3) == frozenset()
    ended.save(tmp_path, 3, {"shop-web-0", "shop-db-0"})
    assert ended.load(tmp_path, 3) == {"shop-web-0", "shop-db-0"}
    assert ended.load(tmp_path, 4) == frozenset()


def test_a_damaged_file_says_nothing_and_one_that_cannot_be_written_is_an_error(tmp_path):
    ended.save(tmp_path, 3, {"shop-web-0"})
    (tmp_path / ended.FILE).write_bytes(b"nothing of ours")
    assert ended.load(tmp_path, 3) == frozenset()
    (tmp_path / ended.FILE).unlink()
    (tmp_path / ended.FILE).mkdir()
    with pytest.raises(StateError):
        ended.save(tmp_path, 3, {"shop-web-0"})
