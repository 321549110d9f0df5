"""What counts as found, as missed and as wrong."""

from benchmarks.facts import MEMORY, judged, of_this_machine


def test_what_is_right_missed_and_wrong():
    truth = {"cores": 4, "packages": 1, "disks": 2, "USB devices": 0, MEMORY: 100}
    found, missed, wrong = judged(truth, {"cores": 4, "disks": 3, "USB devices": 7, MEMORY: 96})
    assert (found, missed) == (["cores", MEMORY], ["packages"])
    assert wrong == ["3 instead of 2 disks"]
    assert judged({MEMORY: 100}, {MEMORY: 94})[2] == ["94 instead of 100 bytes of memory"]


def test_this_machine_has_facts_to_find():
    truth = of_this_machine()
    assert truth["logical processors"] >= truth["cores"] >= truth["packages"] >= 1
    assert truth[MEMORY] > 2**27
