"""What the measurement of losses makes of its figures."""

from lab.soak_loss import Found


def found(*seconds):
    return Found(
        boxes=10,
        killed=2,
        instances=len(seconds),
        seconds=tuple(sorted(seconds)),
        missing=(),
        false_losses=(),
    )


def test_parts_of_all():
    plain = found(*(float(n) for n in range(1, 101))).plain
    assert (plain["p50_s"], plain["p99_s"], plain["max_s"]) == (51.0, 100.0, 100.0)


def test_nothing_measured_is_nothing():
    plain = found().plain
    assert (plain["p50_s"], plain["max_s"]) == (None, None)
