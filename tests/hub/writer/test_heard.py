"""Whose word is from now, as transcripts."""

from skerry_hub.writer.heard import Heard


def test_a_report_that_comes_as_it_is_sent_is_enough():
    heard = Heard()
    heard.report("box-1", retained=False)
    assert "box-1" in heard
    assert "box-2" not in heard


def test_a_report_that_the_broker_had_kept_counts_once_its_node_beats():
    heard = Heard()
    heard.report("box-1", retained=True)
    assert (heard.ripe(), "box-1" in heard) == (set(), False)
    heard.beat("box-1")
    assert (heard.ripe(), "box-1" in heard) == (set(), False), "its report may be on the way"
    assert (heard.ripe(), "box-1" in heard) == ({"box-1"}, True)
    assert heard.ripe() == set(), "and it is told once"


def test_who_was_shut_out_is_given_no_orders_until_he_is_let_in_again():
    out = {"box-1"}
    heard = Heard(out.__contains__)
    heard.report("box-1", retained=False)
    assert "box-1" not in heard
    out.clear()
    assert "box-1" in heard


def test_a_heartbeat_without_a_report_says_nothing():
    heard = Heard()
    heard.beat("box-1")
    for _ in range(3):
        assert heard.ripe() == set()
    heard.report("box-1", retained=True)
    assert heard.ripe() == set()
    assert "box-1" not in heard


def test_a_kept_report_takes_nothing_back():
    heard = Heard()
    heard.report("box-1", retained=False)
    heard.report("box-1", retained=True)
    assert "box-1" in heard


def test_a_new_incarnation_begins_anew():
    heard = Heard()
    heard.report("box-1", retained=False)
    heard.report("box-2", retained=True)
    heard.beat("box-2")
    heard.ripe()
    heard.forget("box-1")
    heard.forget("box-2")
    assert "box-1" not in heard
    assert heard.ripe() == set()
    assert "box-2" not in heard
