"""Maintenance windows and lock files: what the clock and the files say in, what is held out."""

import datetime
import os

import pytest

from skerry_executor.hold_files import read_holds
from skerry_executor.holding import LOCK_LOOK_S, Holds, held
from skerry_executor.settings import Settings
from skerry_executor.windows import parse_window
from skerry_wire.box_policy import Updates

UTC = datetime.UTC
NIGHTS = parse_window("Mon-Fri 02:00-04:00")


def at(day, hour, minute=0, second=0):
    """Return a moment of the week that begins on Monday, 30 November 2026."""
    monday = datetime.datetime(2026, 11, 30, hour, minute, second, tzinfo=UTC)
    return monday + datetime.timedelta(days=day)


@pytest.mark.parametrize(
    ("text", "days", "begin", "end"),
    [
        ("Mon-Fri 02:00-04:00", "01234", 120, 240),
        ("02:00-04:00", "0123456", 120, 240),
        ("Sat,Sun 00:00-24:00", "56", 0, 1440),
        ("Fri-Mon 22:00-02:00", "4560", 1320, 1560),
        ("Mon,Wed-Thu 12:30-12:31", "023", 750, 751),
        ("Sun 05:00-05:00", "6", 300, 1740),
    ],
)
def test_a_window_is_read(text, days, begin, end):
    window = parse_window(text)
    assert (window.days, window.begin_min, window.end_min) == ({int(d) for d in days}, begin, end)


@pytest.mark.parametrize(
    "text",
    ["", "02:00", "Mon 2:00-4:00", "Mon-Fri", "Moo 02:00-04:00", "Mon 02:60-04:00",
     "Mon 24:00-02:00", "Mon 02:00-24:01", "mon 02:00-04:00", "Mon  02:00-04:00"],
)  # fmt: skip
def test_what_is_no_window_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        parse_window(text)


@pytest.mark.parametrize(
    ("text", "moment", "left_min"),
    [
        ("Mon-Fri 02:00-04:00", at(0, 2), 0),
        ("Mon-Fri 02:00-04:00", at(0, 3, 59), 0),
        ("Mon-Fri 02:00-04:00", at(0, 4), 22 * 60),
        ("Mon-Fri 02:00-04:00", at(4, 4), (2 * 24 + 22) * 60),
        ("Sun 22:00-02:00", at(0, 1, 59), 0),
        ("Sun 22:00-02:00", at(0, 2), (6 * 24 + 20) * 60),
        ("00:00-24:00", at(3, 23, 59), 0),
    ],
)
def test_it_is_open_or_opens_in_so_long(text, moment, left_min):
    week_min = moment.weekday() * 1440 + moment.hour * 60 + moment.minute
    assert parse_window(text).left_min(week_min) == left_min


def test_outside_its_windows_a_box_holds_and_says_when_it_does_not():
    found = held("shop", Holds(windows=(NIGHTS,), at=at(5, 12)))
    assert found.reason == ("outside the box's maintenance windows; the next opens Mon 02:00 UTC")
    assert found.look_after_s == 600.0
    soon = held("shop", Holds(windows=(NIGHTS,), at=at(0, 1, 59, 30)))
    assert soon.look_after_s == 30.0
    assert held("shop", Holds(windows=(NIGHTS,), at=at(0, 3))) is None
    assert held("shop", Holds(at=at(5, 12))) is None


@pytest.mark.parametrize("year", [1970, 2025])
def test_a_clock_that_cannot_be_right_keeps_windows_shut(year):
    always = Holds(windows=(parse_window("00:00-24:00"),),
                   at=datetime.datetime(year, 1, 1, tzinfo=UTC))  # fmt: skip
    assert held("shop", always).reason == (
        f"the box's clock says {year}-01-01 00:00, which cannot be: "
        "its maintenance windows stay shut"
    )


@pytest.fixture
def box(tmp_path):
    (tmp_path / "etc" / "hold.d").mkdir(parents=True)
    (tmp_path / "run" / "skerry").mkdir(parents=True)
    return Settings(policy=tmp_path / "etc" / "policy.toml", root=tmp_path)


def test_a_lock_file_holds_the_box_or_a_workload_and_says_why(box):
    etc, run = box.policy.parent, box.root / "run" / "skerry"
    assert held("shop", read_holds(box, Updates())) is None
    (etc / "hold.d" / "shop").write_text("until Ann is back\nand more")
    found = held("shop", read_holds(box, Updates(new="hold")))
    assert found.reason == f"{etc}/hold.d/shop holds it back: until Ann is back"
    assert (found.look_after_s, found.new) == (LOCK_LOOK_S, True)
    assert held("other", read_holds(box, Updates())) is None
    (run / "hold").touch()
    assert held("other", read_holds(box, Updates())).reason == f"{run}/hold holds it back"


def test_whatever_lies_there_holds_and_is_not_waited_for(box):
    lock = box.policy.parent / "hold"
    for make, unmake in (
        (lambda: os.mkfifo(lock), lock.unlink),
        (lock.mkdir, lock.rmdir),
        (lambda: lock.symlink_to("/nowhere"), lock.unlink),
        (lambda: lock.write_bytes(b"\x00\xff\x1b[2J" + b"x" * 5000), lock.unlink),
    ):
        make()
        reason = held("shop", read_holds(box, Updates())).reason
        assert reason.startswith(f"{lock} holds it back")
        assert len(reason) < 500
        assert reason.isprintable()
        unmake()


def test_the_windows_of_the_policy_are_in_the_time_that_it_says(box):
    updates = Updates(windows=("Sat 00:00-24:00",), time="local")
    found = read_holds(box, updates)
    assert found.windows == (parse_window("Sat 00:00-24:00"),)
    assert found.at.utcoffset() is not None
    assert read_holds(box, Updates()).at.tzname() == "UTC"
