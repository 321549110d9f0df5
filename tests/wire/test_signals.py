"""Signals by all the names that runtimes take."""

import signal

import pytest

from skerry_wire import signals


@pytest.mark.parametrize(
    ("text", "number", "written"),
    [
        ("SIGTERM", 15, "SIGTERM"),
        ("int", 2, "INT"),
        ("9", 9, "9"),
        ("SIGRTMIN", 34, "SIGRTMIN"),
        ("sigrtmin+3", 37, "SIGRTMIN+3"),
        ("RTMAX-2", 62, "62"),
        ("SIGPOLL", 29, "SIGPOLL"),
        ("64", 64, "64"),
    ],
)
def test_a_signal_has_a_number_and_one_form_in_orders(text, number, written):
    assert signals.number_of(text) == number
    assert signals.written(text) == written


def test_every_signal_of_this_system_has_its_number():
    for one in signal.Signals:
        assert signals.number_of(one.name) == one
    assert set(signals.NUMBERS.values()) == {int(one) for one in signal.Signals}


@pytest.mark.parametrize(
    ("text", "guess"),
    [
        ("SIGFOO", "write SIGTERM, SIGINT or SIGRTMIN+3"),
        ("SIGTREM", "did you mean SIGTERM?"),
        ("hub", "did you mean SIGHUP?"),
        ("0", "write SIGTERM"),
        ("65", "write SIGTERM"),
        ("33", "write SIGTERM"),
        ("-9", "write SIGTERM"),
        ("٩", "write SIGTERM"),
        ("RTMIN+31", "did you mean SIGRTMIN?"),
        ("RTMAX-31", "did you mean SIGRTMAX?"),
        ("", "write SIGTERM"),
        ("x" * 10_000, "write SIGTERM"),
    ],
)
def test_what_is_no_signal_is_refused_with_the_nearest_one(text, guess):
    with pytest.raises(signals.SignalError) as refused:
        signals.number_of(text)
    assert guess in str(refused.value)
    assert len(str(refused.value)) < 120
