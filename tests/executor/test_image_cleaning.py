"""Which images are to go."""

import pytest

from skerry_executor.image_cleaning import (
    MOST,
    Pulled,
    Remembered,
    added,
    looked,
    references,
    removable,
)
from skerry_executor.runtimes.base import StoredImage

WEB, OTHER = "registry.example/web:1", "registry.example/other:1"
DAY = 86400.0


def stored(number, *names):
    return StoredImage(id=f"{number:064x}", names=names, size_bytes=1)


def pulled(number, unused_s=None, name=WEB):
    return Pulled(id=f"{number:064x}", name=name, unused_s=unused_s)


def after(*images, at=0.0):
    return Remembered(looked_at=at, images=images)


def test_what_a_pull_brought_is_remembered():
    found = added(after(pulled(1, 5.0)), WEB, {f"{1:064x}"}, [stored(1), stored(2, WEB)])
    assert found.images == (pulled(1, 5.0), pulled(2))


def test_what_was_there_under_another_name_is_somebody_elses():
    there = [stored(1, WEB, "localhost/mine:1")]
    assert added(after(), WEB, {f"{1:064x}"}, there) == after()


def test_no_more_are_remembered_than_there_may_be():
    before = after(*(pulled(number) for number in range(MOST)))
    found = added(before, WEB, set(), [stored(MOST, WEB)]).images
    assert (len(found), found[-1]) == (MOST, pulled(MOST))


@pytest.mark.parametrize(
    ("unused_s", "used", "now", "expected"),
    [
        (None, {OTHER}, 100.0, 0.0),
        (10.0, {OTHER}, 100.0, 110.0),
        (10.0, {WEB}, 100.0, None),
        (10.0, {OTHER}, 400 * DAY, 10.0 + DAY),
        (10.0, {OTHER}, -5.0, 10.0),
    ],
)
def test_time_is_added_up_look_by_look(unused_s, used, now, expected):
    found = looked(after(pulled(1, unused_s)), [stored(1, WEB)], used, now)
    assert found.images == (pulled(1, expected),)
    assert found.looked_at == max(0.0, now)


def test_a_pin_by_digest_is_a_use():
    pin = "registry.example/web@sha256:" + "a" * 64
    found = looked(after(pulled(1, 1.0)), [stored(1, WEB, pin)], {pin}, 100.0)
    assert found.images == (pulled(1),)


def test_what_is_gone_is_forgotten():
    assert looked(after(pulled(1), pulled(2)), [stored(2, WEB)], {WEB}, 1.0).images == (pulled(2),)


def test_the_longest_unused_goes_first_and_what_is_used_never():
    found = after(pulled(1, 5.0), pulled(2), pulled(3, 9.0), pulled(4, 1.0))
    assert removable(found, 5.0) == [pulled(3, 9.0), pulled(1, 5.0)]
    assert removable(found, 0.0) == [pulled(3, 9.0), pulled(1, 5.0), pulled(4, 1.0)]
    assert removable(found, None) == []


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((WEB,), (f"{1:064x}",)),
        ((WEB, "registry.example/web@sha256:" + "a" * 64), (f"{1:064x}",)),
        ((), (f"{1:064x}",)),
        ((WEB, "localhost/mine:1"), (WEB,)),
        (("localhost/mine:1",), ()),
    ],
)
def test_a_name_that_somebody_else_gave_stays(names, expected):
    assert references(pulled(1), [stored(1, *names)]) == expected
