"""A rollout whose new content the nodes do not take, by the one writer, on a real store."""

import dataclasses

from tests.hub.obeying import Boxes
from tests.hub.rig import Rig
from tests.hub.writer.test_rolling import ONE, TWO, images, rollout, shop

from skerry_hub.api.decisions import DecisionAnswers
from skerry_hub.model import Resources

GIB = 2**30


def content(image, gib):
    return dataclasses.replace(shop(image, 2), resources=Resources(memory_bytes=gib * GIB))


def test_one_after_the_other_moves_to_where_there_is_room_and_all_is_replayed(tmp_path):
    rig = Rig(tmp_path).start()
    try:
        boxes = Boxes(rig, "box-1")
        rig.apply(content(ONE, 3))
        boxes.obey()
        boxes.names, boxes.runs["box-2"] = ("box-1", "box-2"), {}
        rig.join("box-2")
        rig.apply(content(TWO, 6))
        rig.idle()
        assert images(boxes) == [(ONE, 1), (TWO, 1)]
        for _ in range(4):
            boxes.obey()
        assert images(boxes) == [(TWO, 2)]
        assert rollout(rig).state == "done"
        answers = DecisionAnswers(rig.service)
        made, _ = answers.listed(None, None, 100)
        assert {answers.replay(one.seq, scored=False).result for one in made} == {"same"}
    finally:
        rig.stop()
