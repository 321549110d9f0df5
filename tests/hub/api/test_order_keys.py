"""The order keys over the API."""

import pytest
from tests.hub.rig import Rig, until
from tests.hub.test_order_keys import Box

from skerry_hub.order_keys import OrderKeys
from skerry_hub.store_opening import open_store
from skerry_wire.order_keys import KeyStanding

PATH = "/api/v1/order-keys"


@pytest.fixture
def rig(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'hub.db'}")
    rig = Rig(tmp_path, OrderKeys(tmp_path, store), store=store).start()
    yield rig
    rig.stop()


def test_a_change_is_begun_shown_and_ended(client, rig):
    box = Box(rig.key.public)
    rig.join("box-1", keys=box.node().report.keys)
    first = client.get(PATH)
    assert (first["phase"], first["next"], first["nodes"], first["trusting"]) == (
        "steady", None, 1, 1,
    )  # fmt: skip
    status, begun = client.ask("POST", f"{PATH}/rotate", {})
    assert status == 200, begun
    client.fits("post", f"{PATH}/rotate", begun)
    assert (begun["phase"], begun["current"], begun["trusting"]) == (
        "changing",
        first["current"],
        0,
    )
    (lag,) = begun["lagging"]
    assert (lag["node"], lag["hostname"]) == ("box-1", "host-box-1")
    status, refused = client.ask("POST", f"{PATH}/rotate", {})
    assert (status, "already" in refused["problems"][0]["reason"]) == (409, True)
    status, refused = client.ask("POST", f"{PATH}/retire", {})
    assert (status, "--force" in refused["problems"][0]["reason"]) == (409, True)
    status, ended = client.ask("POST", f"{PATH}/retire", {"force": True})
    client.fits("post", f"{PATH}/retire", ended)
    assert (ended["phase"], ended["current"]) == ("steady", begun["next"])
    assert [one["retires"] for one in ended["changes"]] == [[], [first["current"]]]
    assert ended["public"] == begun["next_public"]


def test_in_the_midst_of_a_change_a_stolen_folder_begins_it_anew(client, rig):
    rig.join("box-1", keys=Box(rig.key.public).node().report.keys)
    _, first = client.ask("POST", f"{PATH}/rotate", {})
    status, anew = client.ask("POST", f"{PATH}/rotate", {"stolen": True})
    assert status == 200, anew
    assert (anew["phase"], anew["current"]) == ("stolen", first["current"])
    assert anew["next"] not in (first["current"], first["next"])
    assert anew["changes"][-1]["retires"] == [first["current"], first["next"]]


def test_who_trusts_another_key_is_told_its_targets_again(rig):
    topic = "skerry/v1/nodes/box-1/targets"
    first = KeyStanding(sequence=0, trusted=("a" * 16,))
    rig.join("box-1", keys=first)
    until("its targets", lambda: len(rig.broker.payloads(topic)) == 1)
    rig.join("box-1", seq=2, keys=first)
    rig.join("box-1", seq=3, keys=KeyStanding(sequence=5, trusted=("a" * 16, "b" * 16)))
    until("its targets again", lambda: len(rig.broker.payloads(topic)) == 2)


def test_a_stolen_key_is_shown_as_such(client):
    status, begun = client.ask("POST", f"{PATH}/rotate", {"stolen": True})
    assert (status, begun["phase"]) == (200, "stolen")
    assert begun["changes"][0]["retires"] == [begun["current"]]


@pytest.mark.parametrize("how", ["rotate", "retire"])
def test_what_is_no_request_is_refused(client, how):
    status, _ = client.ask("POST", f"{PATH}/{how}", {"nonsense": 1})
    assert status == 400
