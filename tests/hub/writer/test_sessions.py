"""The hub's side of a session, with a box that has the key."""

import asyncio
import dataclasses

import pytest
from tests.hub.records import FIRST, node
from tests.hub.sealed_end import PUBLIC, SealedEnd

from skerry_hub.work import RefusedError
from skerry_hub.writer import sessions
from skerry_hub.writer.sessions import Session
from skerry_wire.messages import Reply, Terminal
from skerry_wire.session import WINDOW, SessionInput

NODE = dataclasses.replace(node("box-1"), sealing_key=PUBLIC)


class Far:
    """The box's end of a session."""

    def __init__(self):
        self.session = Session(NODE)
        self._end = SealedEnd(self.session.key)
        self.came = []
        self.session.begin(self.take)

    def take(self, piece):
        self.came.append(self._end.typed(piece))

    def says(self, **fields):
        """Have the box say something, and return what the hub makes of it."""
        return self.session.read(part(body=self._end.says(**fields)))


def part(**fields):
    stamp = {"incarnation": FIRST, "boot": 1, "seq": 1, "id": "r-1"}
    return Reply(**{**stamp, **fields})


def typed(text):
    return SessionInput(data=text)


def test_input_reaches_the_box_once_and_in_order():
    async def run():
        far = Far()
        await far.session.put(0, typed(b"a"))
        await far.session.put(0, typed(b"a"))
        await far.session.put(1, SessionInput(terminal=Terminal(columns=9, rows=8)))
        with pytest.raises(RefusedError, match="input 2 is to come first"):
            await far.session.put(3, typed(b"x"))
        assert far.came == [typed(b"a"), SessionInput(terminal=Terminal(columns=9, rows=8))]

    asyncio.run(run())


def test_input_waits_while_the_program_does_not_read_and_the_box_knows_that_somebody_is_there():
    async def run():
        far = Far()
        for number in range(WINDOW):
            await far.session.put(number, typed(b"x"))
        await far.session.put(WINDOW, SessionInput())
        waiting = asyncio.create_task(far.session.put(WINDOW + 1, typed(b"late")))
        await asyncio.sleep(0.01)
        assert len(far.came) == WINDOW + 1
        far.says(taken=1)
        await waiting
        assert far.came[-1] == typed(b"late")

    asyncio.run(run())


def test_input_for_a_program_that_never_reads_is_to_come_again():
    async def run():
        far = Far()
        far.session.room_s = 0.01
        for number in range(WINDOW):
            await far.session.put(number, typed(b"x"))
        with pytest.raises(RefusedError, match="does not read") as why:
            await far.session.put(WINDOW, typed(b"y"))
        assert why.value.status == 503
        assert far.came[-1] == SessionInput()
        far.says(taken=WINDOW)
        await far.session.put(WINDOW, typed(b"y"))
        assert far.came[-1] == typed(b"y")

    asyncio.run(run())


def test_what_the_box_says_is_opened_and_how_it_ended_is_the_boxs_own_word():
    async def run():
        far = Far()
        said = far.says(data=b"hello", stream="err", taken=0)
        assert (said.data, said.stream) == (b"hello", "err")
        last = far.says(end=True, exit_code=7)
        assert (last.exit_code, last.error, last.data, last.end) == (7, None, b"", True)

    asyncio.run(run())


def test_what_comes_without_the_key_is_no_answer():
    async def run():
        far = Far()
        with pytest.raises(RefusedError, match="not that of host-box-1") as why:
            far.session.read(part(body=bytes(8) + b"forged" * 10))
        assert why.value.status == 502
        last = far.session.read(part())
        assert (last.end, last.error) == (True, "it was broken off on the way")
        last = far.session.read(part(error="exec is not allowed"))
        assert last.error == "exec is not allowed"

    asyncio.run(run())


def test_a_session_that_has_ended_takes_nothing_and_frees_who_waits():
    async def run():
        far = Far()
        for number in range(WINDOW):
            await far.session.put(number, typed(b"x"))
        waiting = asyncio.create_task(far.session.put(WINDOW, typed(b"y")))
        await asyncio.sleep(0.01)
        far.session.close()
        with pytest.raises(RefusedError, match="the session has ended") as why:
            await waiting
        assert why.value.status == 404

    asyncio.run(run())


def test_a_client_without_a_word_is_gone():
    async def run():
        far = Far()
        far.session.check()
        far.session._heard_at -= sessions.CLIENT_S + 1
        with pytest.raises(RefusedError, match="its client said nothing for 45 s"):
            far.session.check()
        await far.session.put(0, SessionInput())
        far.session.check()

    asyncio.run(run())


@pytest.mark.parametrize(("key", "words"), [(None, "does not know the key"), (b"k", "is none")])
def test_without_a_key_there_is_no_session(key, words):
    async def run():
        with pytest.raises(RefusedError, match=words):
            Session(dataclasses.replace(NODE, sealing_key=key))

    asyncio.run(run())
