"""How far a soak says it is."""

import dataclasses

from lab.soak_progress import Progress, in_words


@dataclasses.dataclass(frozen=True)
class Seen:
    met: bool = True


def test_rate_and_time_left_count_from_the_begin():
    now_s, said, kept = [0.0], [], []
    progress = Progress(10, "kills", kept.append, said.append, lambda: now_s[0], every_s=60.0)
    now_s[0] = 100.0  # what had to be built
    progress.begin()
    for _ in range(2):
        now_s[0] += 30.0
        progress.add(Seen())
    assert said[-1] == ("2 of 10 kills after 60 s, 2 a minute, 4 min left; all as is asked for")
    assert kept == progress.found == [Seen(), Seen()]


def test_it_speaks_now_and_then_and_at_the_end():
    now_s, said = [0.0], []
    progress = Progress(3, "cuts", lambda _: None, said.append, lambda: now_s[0], every_s=60.0)
    progress.add(Seen())
    assert said == []
    progress.add(Seen(met=False), "wrong")
    assert said == ["wrong"]
    assert not progress.complete
    progress.add(Seen())
    assert progress.complete
    assert said[-1].endswith("; 1 not as is asked for")


def test_an_end_is_asked_for_once_and_said():
    said = []
    progress = Progress(3, "cuts", say=said.append)
    assert not progress.ended
    progress.end()
    assert progress.ended
    assert said == ["ends after what is under way; once more, and it ends at once"]


def test_times_in_words():
    assert [in_words(s) for s in (5, 89, 91, 3000, 8000)] == [
        "5 s", "89 s", "2 min", "50 min", "2 h 13 min"
    ]  # fmt: skip
