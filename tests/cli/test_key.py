"""`skerry key`: how far a change of the order key is, in words and as JSON."""

import json

from tests.cli.canned import problems

from skerry_hub.key_views import KeyChangeView, KeyLagView, OrderKeysView

PATH = "/api/v1/order-keys"
STEADY = OrderKeysView(
    phase="steady", current="0" * 16, public="A" * 43 + "=", nodes=3, trusting=3,
    changes=(KeyChangeView(sequence=1, at=0.0),),
)  # fmt: skip
LAG = KeyLagView(node="box-1", hostname="till-1", reason="its software tells of no keys")
CHANGING = OrderKeysView(
    phase="changing",
    current="0" * 16,
    public="A" * 43 + "=",
    next="1" * 16,
    next_public="B" * 43 + "=",
    began_at=1_790_000_000.0,
    nodes=3,
    trusting=2,
    lagging=(LAG,),
)


def test_a_key_that_all_trust(skerry, hub):
    hub.answers[f"GET {PATH}"] = STEADY
    done = skerry("key", "status")
    assert done.out == f"order key {'0' * 16}\n3 of 3 boxes trust {'0' * 16}\n"


def test_a_change_under_way_tells_who_lacks_it_and_exits_with_5(skerry, hub):
    hub.answers[f"GET {PATH}"] = CHANGING
    done = skerry("key", "status", code=5)
    assert f"being changed to {'1' * 16}" in done.out
    assert "2 of 3 boxes trust 1111" in done.out
    assert "  till-1 (box-1): its software tells of no keys\n" in done.out
    found = json.loads(skerry("key", "status", "-o", "json", code=5).out)
    assert found["lagging"][0]["node"] == "box-1"


def test_many_that_lack_it_are_cut(skerry, hub):
    many = tuple(LAG for _ in range(25))
    hub.answers[f"GET {PATH}"] = CHANGING.__class__(
        **{name: getattr(CHANGING, name) for name in CHANGING.__slots__} | {"lagging": many}
    )
    assert "  and 5 more: -o json tells of all" in skerry("key", "status", code=5).out


def test_rotate_and_retire_say_what_holds_then(skerry, hub):
    hub.answers[f"POST {PATH}/rotate"] = CHANGING
    assert "being changed to" in skerry("key", "rotate", "--yes").out
    assert hub.asked[-1].body == {"stolen": False}
    skerry("key", "rotate", "--stolen", "--yes")
    assert hub.asked[-1].body == {"stolen": True}
    hub.answers[f"POST {PATH}/retire"] = STEADY
    assert "3 of 3" in skerry("key", "retire", "--force", "--yes").out
    assert hub.asked[-1].body == {"force": True}


def test_a_refusal_is_said(skerry, hub):
    hub.answers[f"POST {PATH}/retire"] = problems(409, {"reason": "1 box does not trust it yet"})
    assert "1 box does not trust it yet" in skerry("key", "retire", "--yes", code=1).err
