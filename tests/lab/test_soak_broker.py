"""What the measurement of a broker that was away makes of the broker's log."""

from lab.soak_broker import Found, most_in_a_second, table

LOG = "".join(
    f"{at}: New client connected from 127.0.0.1:5 as box-{n} (p5, c0, k60).\n"
    for n, at in enumerate([100, 100, 100, 200, 200, 201])
)


def test_the_busiest_second_after_the_broker_was_back_counts():
    assert most_in_a_second(LOG + "200: No will message specified.\n", 200.5) == 2
    assert most_in_a_second("", 0.0) == 0


def test_it_met_where_nobody_was_lost_that_was_there_and_the_dead_were():
    met = Found(
        boxes=2, away_s=35.0, back_s=20.0, most_connects=2, false_losses=(),
        replaced_s=(80.0,), allowed_s=90.0, missing=(),
    )  # fmt: skip
    assert met.met
    assert met.plain["replaced_s"] == (80.0,)
    assert "80 s after it was back; not at all: none; lost falsely: none" in table([met])
