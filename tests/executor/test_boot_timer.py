"""The timer that counts sleep, on the real kernel."""

import os
import pathlib
import select

from skerry_executor.boot_clock import since_boot_s
from skerry_executor.boot_timer import BootTimer


def due(timer, within_s):
    return bool(select.select([timer.fileno()], [], [], within_s)[0])


def test_it_is_due_at_its_moment_and_once():
    timer = BootTimer()
    begun = since_boot_s()
    timer.set(begun + 0.05)
    assert not timer.take()
    assert due(timer, 5)
    assert since_boot_s() - begun >= 0.05
    assert timer.take()
    assert not timer.take()
    timer.close()


def test_what_is_past_is_due_at_once_and_none_is_never():
    timer = BootTimer()
    timer.set(0.0)
    assert due(timer, 5)
    assert timer.take()
    timer.set(since_boot_s() + 0.05)
    timer.set(None)
    assert not due(timer, 0.15)
    timer.close()


def test_it_is_on_the_clock_that_counts_sleep_and_nobody_inherits_it():
    timer = BootTimer()
    told = pathlib.Path(f"/proc/self/fdinfo/{timer.fileno()}").read_text()
    assert "clockid: 7" in told
    assert not os.get_inheritable(timer.fileno())
    timer.close()
