"""What the command of a health check said, in words."""

import pytest

from skerry_executor.actual import CheckResult
from skerry_executor.runtimes.base import Failure, RuntimeFailure, Written
from skerry_executor.runtimes.health_command import why_failed
from skerry_executor.runtimes.health_result import Tail, result_of
from skerry_wire.messages import Health


@pytest.mark.parametrize(
    ("code", "output", "reason"),
    [
        (0, b"fine", ""),
        (1, b"", "its command ended with 1"),
        (7, b"a\nno \t database\n\n  \n", "its command ended with 7: no database"),
        (1, b"\xff\x1b[31mred", "its command ended with 1: �[31mred"),
        (1, b"x" * 1000, "its command ended with 1: " + "x" * 157 + "..."),
        (-1, b"Health check exceeded timeout (2s)", "Health check exceeded timeout (2s)"),
        (-1, b"", "its command ended with -1"),
    ],
)
def test_the_last_line_says_why(code, output, reason):
    assert why_failed(code, output) == reason


def failing(kind):
    def run():
        raise RuntimeFailure(kind, "because")

    return run


def test_what_cannot_be_run_is_unhealthy_but_for_a_runtime_that_is_away():
    assert result_of(lambda: (0, b""), 2.0) == CheckResult(Health.HEALTHY)
    told = CheckResult(Health.UNHEALTHY, "its command ended with 3: x")
    assert result_of(lambda: (3, b"x"), 2.0) == told
    late = CheckResult(Health.UNHEALTHY, "its command did not end within 2 s")
    assert result_of(failing(Failure.TIMED_OUT), 2.0) == late
    assert result_of(failing(Failure.OTHER), 2.0) == CheckResult(Health.UNHEALTHY, "because")
    with pytest.raises(RuntimeFailure):
        result_of(failing(Failure.UNREACHABLE), 2.0)


def test_only_the_end_of_much_output_is_kept():
    tail = Tail()
    for _ in range(100):
        tail.add(Written("out", b"x" * 1000))
    tail.add(Written("err", b"\nthe end"))
    assert len(tail.data) == 4096
    assert tail.data.endswith(b"\nthe end")
