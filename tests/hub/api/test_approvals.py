"""Approvals at the hub: what there is to approve, who asks for it, and what orders carry."""

import base64
import dataclasses

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.hub.records import capability, report
from tests.hub.rig import until

from skerry_cli.approval_files import SigningKey
from skerry_executor.approvals import lacking
from skerry_hub import adopting
from skerry_wire import approval, codec
from skerry_wire.box_policy import Approvals, BoxPolicy

PATH = "/api/v1/approvals"
SECOND, OTHER = (SigningKey(Ed25519PrivateKey.generate()) for _ in range(2))
SHOP = """\
services:
  web:
    image: localhost/web:1
    command: ["serve"]
"""


@pytest.fixture
def boxes(rig):
    """One box that asks for approvals by SECOND, and one that asks for none."""
    rig.join("free")
    asks(rig, "till", SECOND.id)
    return rig


def asks(rig, node, *keys, seq=1):
    policy = BoxPolicy(any_image=True, approval=Approvals(required=bool(keys), keys=keys))
    if seq == 1:
        rig.join(node)
    said = capability(seq=seq + 1, hostname=f"host-{node}", revision=f"{seq:x}" * 16)
    told = dataclasses.replace(said, hardware=dataclasses.replace(said.hardware, policy=policy))
    assert rig.say(node, told).wait(20)
    rig.idle()


def shop(node="till", image="localhost/web:1"):
    constraint = f"{{placement: {{constraints: ['node.id == {node}']}}}}"
    return SHOP.replace("localhost/web:1", image) + f"    deploy: {constraint}\n"


def contents(client, text):
    files = [{"name": "shop.yaml", "project": "shop", "text": text}]
    status, found = client.ask("POST", f"{PATH}/contents", {"files": files})
    assert status == 200, found
    client.fits("post", f"{PATH}/contents", found)
    return found["items"]


def opened(content):
    return codec.decode(approval.ApprovedContent, base64.b64decode(content["content"]))


def approve(client, content, key=SECOND, **changes):
    given = codec.to_plain(key.approve(opened(content), 1.0))
    return client.ask("POST", PATH, {"approvals": [{**given, **changes}]})


def against(rig, node="till"):
    """Return what the executor of a box has against its newest order."""
    keys = {SECOND.id: SECOND.public}
    return dict(lacking(rig.orders(node)[-1], keys))


def test_an_apply_warns_where_nobody_approved_and_the_order_would_be_refused(client, boxes):
    status, plan = client.apply(shop())
    assert status == 200
    (warning,) = plan["warnings"]
    assert warning["reason"].startswith("shop-web: will be refused by host-till")
    assert "asks for an approval" in warning["reason"]
    assert "shop-web-0" in against(boxes)


def test_an_apply_warns_of_what_else_holds_its_order_up(client, boxes):
    client.apply(shop())
    text = shop(image="localhost/cam:1").replace("web:", "cam:", 1)
    approve(client, contents(client, text)[0])
    _, plan = client.apply(text)
    (warning,) = plan["warnings"]
    assert warning["reason"].startswith("shop-web, which is not approved, holds up on host-till")
    (content,) = client.get(f"{PATH}/wanted")["items"]
    approve(client, content)
    _, plan = client.apply(text)
    assert not plan.get("warnings")


def test_where_no_box_asks_nothing_is_said_and_no_approval_is_sent(client, boxes):
    _, plan = client.apply(shop("free"))
    assert not plan.get("warnings")
    approve(client, contents(client, shop("free"))[0])
    assert boxes.orders("free")[-1].instances[0].approvals == ()


def test_what_is_approved_before_it_is_applied_is_not_warned_of(client, boxes):
    (content,) = contents(client, shop())
    assert content["refused_by"] == ["host-till (till)"]
    status, kept = approve(client, content)
    assert (status, kept["items"][0]["key_id"]) == (200, SECOND.id)
    client.fits("post", PATH, kept)
    (again,) = contents(client, shop())
    assert (again["approved_by"], again["refused_by"]) == ([SECOND.id], [])
    _, plan = client.apply(shop())
    assert not plan.get("warnings")
    assert against(boxes) == {}


def test_an_approval_that_comes_later_is_ordered_at_once(client, boxes):
    client.apply(shop())
    before = boxes.orders("till")[-1].generation
    (content,) = client.get(f"{PATH}/wanted")["items"]
    approve(client, content)
    until("the order with it", lambda: boxes.orders("till")[-1].generation > before)
    assert against(boxes) == {}
    assert client.get(f"{PATH}/wanted")["items"] == []
    assert [one["workload"] for one in client.get(PATH)["items"]] == ["shop-web"]


def test_one_by_a_key_that_the_box_does_not_know_counts_for_nothing(client, boxes):
    client.apply(shop())
    (content,) = client.get(f"{PATH}/wanted")["items"]
    approve(client, content, OTHER)
    assert client.get(f"{PATH}/wanted")["items"][0]["approved_by"] == [OTHER.id]
    boxes.idle()
    assert "shop-web-0" in against(boxes)


def test_another_content_needs_another_approval_and_a_way_back_needs_none(client, boxes):
    approve(client, contents(client, shop())[0])
    client.apply(shop())
    _, plan = client.apply(shop(image="localhost/web:2"))
    assert "asks for an approval" in plan["warnings"][0]["reason"]
    status, _ = client.ask("POST", "/api/v1/workloads/shop-web/rollout/undo", {})
    assert status == 200
    until("the order of the way back", lambda: against(boxes) == {})


def test_a_box_that_begins_to_ask_is_sent_the_approvals_that_there_are(client, boxes):
    approve(client, contents(client, shop("free"))[0])
    client.apply(shop("free"))
    asks(boxes, "free", SECOND.id, seq=2)
    until("the order with it", lambda: against(boxes, "free") == {})


def test_approvals_outlive_the_hub_s_process(client, boxes):
    approve(client, contents(client, shop())[0])
    known = boxes.store.load()
    assert [one.workload for one in known.approvals.values()] == ["shop-web"]


def test_what_a_node_holds_is_adopted_with_its_approvals(client, boxes):
    approve(client, contents(client, shop())[0])
    client.apply(shop())
    boxes.idle()
    held = boxes.broker.payloads("skerry/v1/nodes/till/order")[-1]
    kept = dict(boxes.service.known.approvals)
    boxes.service.known.approvals.clear()
    order = boxes.orders("till")[-1]

    def change(work):
        node = dataclasses.replace(work.draft.nodes.get("till"), diverged="of a backup")
        adopting.adopt(work, node, order, "0" * 64, held)
        return dict(work.draft.approvals.changes)

    found = boxes.service.call(change, dry=True)
    assert {one.approvals[0].envelope for one in found.values()} == {
        one.approvals[0].envelope for one in kept.values()
    }


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"envelope": "!"}, "damaged"),
        ({"envelope": base64.b64encode(b"\xc1").decode()}, "damaged"),
        ({"public": base64.b64encode(OTHER.public).decode()}, "another key signed it"),
        ({"public": ""}, "another key signed it"),
    ],
)
def test_what_is_no_approval_is_refused(client, boxes, changes, reason):
    status, found = approve(client, contents(client, shop())[0], **changes)
    assert status == 400
    assert reason in found["problems"][0]["reason"]
    assert found["problems"][0]["field"] == "approvals[0]"


def test_a_damaged_signature_is_refused(client, boxes):
    (content,) = contents(client, shop())
    data = base64.b64decode(codec.to_plain(SECOND.approve(opened(content), 1.0))["envelope"])
    for at in range(0, len(data), 7):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        status, _ = approve(client, content, envelope=base64.b64encode(changed).decode())
        assert status == 400, at
    assert boxes.service.known.approvals == {}


def test_a_report_that_tells_nothing_new_sends_no_order(client, boxes):
    approve(client, contents(client, shop())[0])
    client.apply(shop())
    boxes.idle()
    count = len(boxes.orders("till"))
    assert boxes.say("till", report(seq=9)).wait(20)
    boxes.idle()
    assert len(boxes.orders("till")) == count
