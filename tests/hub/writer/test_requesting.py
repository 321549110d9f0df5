"""Requests to a box that answers as it is told, without a broker."""

import asyncio
import contextlib
import dataclasses
import threading

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.hub.records import FIRST, SECOND, capability, node
from tests.hub.sealed_end import PUBLIC, SealedEnd

from skerry_hub.keys import OrderKey
from skerry_hub.model import Liveness
from skerry_hub.work import RefusedError
from skerry_hub.writer import requesting
from skerry_hub.writer.requesting import Requesting, Wish
from skerry_wire import codec, envelope
from skerry_wire.box_policy import AllowedRequests, BoxPolicy
from skerry_wire.messages import Reply, Request

KEY = OrderKey(Ed25519PrivateKey.generate())
CHALLENGE = b"c" * 32
BOX = dataclasses.replace(node("box-1"), liveness=Liveness.ONLINE, sealing_key=PUBLIC)
LOGS = Wish(verb="logs", instance="shop-web-0")


class Box:
    """The broker and the box behind it: `replies` are what it answers to `instance`, in order."""

    def __init__(self, *replies, challenge=CHALLENGE, error=None, of="box-1", inc=FIRST, **limits):
        self.replies, self.challenge, self.error = replies, challenge, error
        self.of, self.inc = of, inc
        self.node = BOX
        self.there = self.seals = True
        self.broken = False
        self.asked = []
        self.requesting = Requesting(
            lambda: self if self.there else None,
            lambda _name: self.node,
            KEY,
            requesting.Limits(**limits),
        )

    def request(self, _node, verb, payload, expiry_s):
        request = codec.decode(Request, payload)
        assert request.verb == verb
        self.asked.append(request)
        assert expiry_s > 0
        # From another thread, as the broker's are.
        thread = threading.Thread(target=self._answer, args=(request,))
        thread.start()
        thread.join()

    def _answer(self, request):
        if request.verb == "challenge" and self.challenge is not None:
            self.say(request, body=self.challenge, error=self.error)
        if request.verb == "instance":
            self.end = SealedEnd.of(request.envelope)
            replies = self.end.replies(list(self.replies)) if self.seals else self.replies
            if self.broken:
                del replies[-1]["body"]
            for fields in replies:
                self.say(request, **fields)

    def say(self, request, **fields):
        reply = Reply(incarnation=self.inc, boot=1, seq=1, id=request.id, **fields)
        return self.requesting.answered(self.of, reply)

    def ask(self, wish=LOGS, node=BOX):
        async def all_of_it():
            return [one async for one in self.requesting.ask(node, wish)]

        return asyncio.run(all_of_it())

    @property
    def verbs(self):
        return [one.verb for one in self.asked]


def bodies(found):
    return [one.data for one in found if one is not None]


def test_an_answer_comes_part_by_part_for_what_was_signed():
    box = Box({"data": b"a"}, {"data": b"b", "part": 1, "exit_code": 3, "end": True})
    wish = Wish(
        verb="exec", instance="shop-web-0", container="web", command=("cat", "-n"), stdin=b"in",
        within_s=9.0,
    )  # fmt: skip
    found = box.ask(wish)
    assert bodies(found) == [b"a", b"b"]
    assert found[-1].exit_code == 3
    assert box.verbs == ["challenge", "instance"]
    signed = envelope.signing_bytes(box.end.envelope.type, box.end.envelope.payload)
    KEY._private.public_key().verify(box.end.envelope.signature, signed)
    request = box.end.request
    assert (request.node, request.incarnation, request.challenge) == ("box-1", FIRST, CHALLENGE)
    assert (request.verb, request.instance, request.container) == ("exec", "shop-web-0", "web")
    assert (request.command, request.stdin, request.within_s) == (("cat", "-n"), b"in", 9.0)


def test_a_broker_reads_nothing_of_request_and_answer():
    box = Box({"data": b"secret line"}, {"part": 1, "exit_code": 3, "end": True})
    said = []
    box.say = lambda request, **fields: said.append(fields) or Box.say(box, request, **fields)
    wish = Wish(verb="exec", instance="shop-web-0", command=("secret-word",), stdin=b"secret-in")
    assert bodies(box.ask(wish)) == [b"secret line", b""]
    sent = b"".join(one.envelope for one in box.asked) + b"".join(one["body"] for one in said)
    assert b"secret" not in sent
    assert b"shop-web-0" not in sent
    assert repr(box.end.request.answer_key) not in repr(box.end.request)


@pytest.mark.parametrize(
    ("replies", "words"),
    [
        (
            [{"body": b"plain words"}],
            r"is not that of host-box-1 \(box-1\): piece 0 is missing",
        ),
        ([{"body": bytes(40)}], r"is not that of host-box-1 \(box-1\): piece 0 was not sealed"),
    ],
)
def test_an_answer_that_was_not_sealed_is_none(replies, words):
    box = Box(*replies)
    box.seals = False
    with pytest.raises(RefusedError, match=words):
        box.ask()


def test_an_answer_that_is_broken_off_is_no_whole_one():
    box = Box({"data": b"a"}, {"part": 1, "data": b"b", "end": True})
    box.broken = True
    found = box.ask()
    assert (bodies(found), found[-1].error) == ([b"a", b""], "it was broken off on the way")


def test_a_node_whose_key_is_not_known_is_not_asked():
    box = Box({})
    with pytest.raises(RefusedError, match="does not know the key of host-box-1"):
        box.ask(node=dataclasses.replace(BOX, sealing_key=None))
    assert box.asked == []


def test_parts_are_put_in_order():
    box = Box({"data": b"c", "part": 2, "end": True}, {"data": b"a"},
              {"data": b"a"}, {"data": b"b", "part": 1})  # fmt: skip
    assert bodies(box.ask()) == [b"a", b"b", b"c"]


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        (
            {"liveness": Liveness.UNREACHABLE},
            409,
            r"\(box-1\) is unreachable: it must be online",
        ),
        ({"liveness": Liveness.LOST}, 409, "is lost"),
    ],
)
def test_a_node_that_is_not_online_is_not_asked(changes, status, words):
    box = Box()
    box.node = dataclasses.replace(BOX, **changes)
    with pytest.raises(RefusedError, match=words) as told:
        box.ask()
    assert told.value.status == status
    assert box.asked == []


def test_without_a_broker_nobody_is_asked():
    box = Box()
    box.there = False
    with pytest.raises(RefusedError, match="no connection to its broker"):
        box.ask()


@pytest.mark.parametrize(("verb", "allowed"), [("exec", False), ("logs", True)])
def test_what_the_box_said_that_it_does_not_allow_is_not_asked(verb, allowed):
    told = capability(hostname="till", policy=BoxPolicy(requests=AllowedRequests()))
    box, asked = Box({"end": True}), dataclasses.replace(BOX, capability=told)
    wish = Wish(verb=verb, instance="shop-web-0", command=("ls",) if verb == "exec" else ())
    if allowed:
        assert len(box.ask(wish, asked)) == 1
        return
    with pytest.raises(RefusedError, match=r"till \(box-1\) does not allow exec") as why:
        box.ask(wish, asked)
    assert why.value.status == 403
    assert box.asked == []


def test_a_box_whose_policy_cannot_be_used_says_itself_why():
    trouble = "the box's policy cannot be used: /etc/skerry/policy.toml:2: images.alow"
    told = capability(hostname="till", policy=BoxPolicy(trouble=trouble))
    box, asked = Box({"error": trouble}), dataclasses.replace(BOX, capability=told)
    found = box.ask(Wish(verb="exec", instance="shop-web-0", command=("ls",)), asked)
    assert found[-1].error == trouble


def test_whether_a_node_is_there_is_said_before_what_it_allows():
    told = capability(hostname="till", policy=BoxPolicy(requests=AllowedRequests()))
    box = Box()
    box.node = dataclasses.replace(BOX, capability=told, liveness=Liveness.UNREACHABLE)
    with pytest.raises(RefusedError, match=r"till \(box-1\) is unreachable"):
        box.ask(Wish(verb="exec", instance="shop-web-0", command=("ls",)), box.node)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"error": "this box has accepted no order yet"},
            r"host-box-1 \(box-1\): this box has accepted no",
        ),
        ({"challenge": b"short"}, "it made no challenge"),
    ],
)
def test_a_box_that_makes_no_challenge_is_told(changes, words):
    box = Box(**changes)
    with pytest.raises(RefusedError, match=words):
        box.ask()
    assert box.verbs == ["challenge"]


@pytest.mark.parametrize("changes", [{"of": "box-2"}, {"inc": SECOND}, {"challenge": None}])
def test_replies_of_others_are_no_answer(changes):
    with pytest.raises(RefusedError, match="did not answer within") as told:
        Box(**changes, challenge_s=0.1).ask()
    assert told.value.status == 504


def test_an_answer_that_does_not_end_ends_by_time_and_on_the_box():
    box = Box({"data": b"a"}, late_s=0.0)
    with pytest.raises(RefusedError, match=r"no whole answer of host-box-1 \(box-1\) within 1 s"):
        box.ask(dataclasses.replace(LOGS, within_s=1.0))
    assert box.verbs == ["challenge", "instance", "cancel"]
    assert box.asked[2].id == box.asked[1].id


def test_who_leaves_ends_the_request_on_the_box():
    box = Box({"data": b"a"})

    async def leave():
        replies = box.requesting.ask(BOX, LOGS)
        assert (await anext(replies)).data == b"a"
        await replies.aclose()

    asyncio.run(leave())
    assert box.verbs == ["challenge", "instance", "cancel"]
    assert not box.requesting._open
    assert not box.requesting._of_node


def test_a_node_that_goes_ends_the_answer():
    box = Box({"data": b"a"}, look_s=0.05)

    async def look():
        replies = box.requesting.ask(BOX, LOGS)
        assert (await anext(replies)).data == b"a"
        assert await anext(replies) is None, "nothing came, and it is still there"
        box.node = dataclasses.replace(BOX, liveness=Liveness.UNREACHABLE)
        await anext(replies)

    with pytest.raises(RefusedError, match="is unreachable"):
        asyncio.run(look())


def test_the_box_is_told_that_somebody_still_waits():
    box = Box({"data": b"a"}, look_s=0.01, keep_s=0.05)

    async def look():
        replies = box.requesting.ask(BOX, LOGS)
        async with contextlib.aclosing(replies):
            async for _ in replies:
                if box.verbs.count("keep") == 2:
                    return

    asyncio.run(look())
    assert box.verbs == ["challenge", "instance", "keep", "keep", "cancel"]
    assert {one.id for one in box.asked[1:]} == {box.asked[1].id}


def test_only_so_many_at_once():
    box = Box({"data": b"a"})

    async def many():
        async with contextlib.AsyncExitStack() as stack:
            for at in range(requesting.MOST_OF_A_NODE):
                replies = box.requesting.ask(BOX, LOGS)
                stack.push_async_callback(replies.aclose)
                assert (await anext(replies)).data == b"a", at
            with pytest.raises(RefusedError, match=r"4 requests to host-box-1 \(box-1\) "):
                await anext(box.requesting.ask(BOX, LOGS))
            for at in range(requesting.MOST_AT_ONCE - requesting.MOST_OF_A_NODE):
                box.of = f"box-{at + 2}"
                other = dataclasses.replace(BOX, id=box.of)
                replies = box.requesting.ask(other, LOGS)
                stack.push_async_callback(replies.aclose)
                await anext(replies)
            with pytest.raises(RefusedError, match="32 requests are under way on this hub"):
                await anext(box.requesting.ask(dataclasses.replace(BOX, id="box-99"), LOGS))

    asyncio.run(many())
    assert not box.requesting._of_node


def test_whoever_reads_too_slowly_loses_the_answer():
    parts = ({"data": b"x" * 1000, "part": at} for at in range(4))
    box = Box(*parts, waiting_bytes=2500)
    found = []

    async def read():
        async for one in box.requesting.ask(BOX, LOGS):
            found.extend([one.data])

    with pytest.raises(RefusedError, match="read too slowly"):
        asyncio.run(read())
    assert len(found) == 2
    assert box.verbs[-1] == "cancel"


def test_a_wish_that_fits_no_message_is_refused_by_field():
    box = Box()
    with pytest.raises(Exception, match="container"):
        box.ask(dataclasses.replace(LOGS, container="x" * 64))


def test_a_command_that_no_box_would_take_is_refused():
    box = Box({"end": True})
    long = Wish(verb="exec", instance="shop-web-0", command=("x" * 30_000,) * 5)
    with pytest.raises(RefusedError, match=r"are 15\d{4} bytes; at most 131072") as told:
        box.ask(long)
    assert told.value.status == 400
    assert box.verbs == ["challenge"]
    fine = dataclasses.replace(long, command=("x" * 30_000,) * 2, stdin=b"y" * 65_536)
    assert len(box.ask(fine)) == 1


def test_an_answer_that_nobody_waits_for_is_not_taken():
    box = Box()
    assert not box.say(Request(id="r-9", verb="instance"), body=b"late")
