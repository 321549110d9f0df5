"""Secrets over HTTP, to the orders of nodes: nothing but what a box can open ever leaves."""

import base64
import dataclasses
import json

import pytest
from nacl.public import PrivateKey, SealedBox
from tests.hub.records import SECOND, capability, presence, report, workload
from tests.hub.rig import Rig, until

from skerry_hub.secret_records import registry_secret
from skerry_hub.writer.sealing import Sealing
from skerry_wire import codec
from skerry_wire.lifecycle import File, Sealed, fingerprint_of
from skerry_wire.plain_data import for_json

PLAIN = b"tr0ub4dor-and-3"
BOX = PrivateKey(b"\x07" * 32)
PUBLIC = bytes(BOX.public_key)
OTHER = bytes(PrivateKey(b"\x08" * 32).public_key)
NAMED = "/api/v1/secrets/{name}"


def put(client, name="db", content=PLAIN, **fields):
    body = {"content": base64.b64encode(content).decode(), **fields}
    status, found = client.ask("POST", f"/api/v1/secrets/{name}", body)
    if status == 200:
        client.fits("post", NAMED, found)
    return status, found


def login(client, host="registry.example:5000", password="pw", username="ci"):
    body = {"username": username, "password": password}
    return client.ask("POST", f"/api/v1/registries/{host}", body)


def with_secret(name="shop-web", image="localhost/web:1", secret="db", **fields):
    found = workload(name, image=image, **fields)
    files = (File(path="/run/secrets/db", secret=Sealed(name=secret)),)
    containers = (dataclasses.replace(found.containers[0], files=files),)
    return dataclasses.replace(found, containers=containers)


def apply_json(client, *workloads):
    body = {"workloads": list(map(codec.to_plain, workloads))}
    return client.ask("POST", "/api/v1/apply", json.dumps(body, default=for_json))


def box_of(order):
    return order.instances[0].containers[0].files[0].secret


def test_a_secret_is_kept_shown_and_taken_away_and_its_content_never_told(client, rig):
    status, made = put(client)
    assert (status, made["name"], made["size_bytes"]) == (200, "db", len(PLAIN))
    shown = client.get("/api/v1/secrets/db", NAMED)
    assert shown == made
    assert [one["id"] for one in shown["versions"]] == [shown["version"]]
    assert client.get("/api/v1/secrets")["items"] == [made]
    _, _, raw = client.raw("GET", "/api/v1/secrets/db")
    assert PLAIN not in raw
    assert base64.b64encode(PLAIN) not in raw
    status, _ = client.ask("DELETE", "/api/v1/secrets/db")
    assert status == 200
    assert client.get("/api/v1/secrets")["items"] == []
    events = [(one.kind, one.subject) for one in rig.store.events()]
    assert events == [("secret_put", "Secret/db"), ("secret_deleted", "Secret/db")]


@pytest.mark.parametrize(
    ("name", "content", "update", "status", "reason"),
    [
        ("db", PLAIN, False, 409, "there is a secret db already"),
        ("none", PLAIN, True, 404, "there is no secret none"),
        ("new", b"", False, 400, "is empty"),
        ("new", b"x" * (32 * 1024 + 1), False, 400, "more than 32768"),
        ("New", PLAIN, False, 400, "must be lower-case"),
        ("registry-x-0a0a0a0a-", PLAIN, False, 400, "must be lower-case"),
    ],
)
def test_what_cannot_be_kept_says_why(client, name, content, update, status, reason):
    put(client)
    got, found = put(client, name, content, update=update)
    assert (got, reason in found["problems"][0]["reason"]) == (status, True), found


def test_what_is_no_base64_is_refused_and_not_repeated(client):
    status, found = client.ask("POST", "/api/v1/secrets/db", {"content": "hunter2!"})
    assert (status, found["problems"][0]["field"]) == (400, "content")
    assert "hunter2" not in str(found)


def test_a_workload_gets_the_newest_version_sealed_to_its_node(client, rig):
    rig.join("box-1", sealing_key=PUBLIC)
    put(client)
    rig.apply(with_secret())
    first = until("an order", rig.orders)[-1]
    assert SealedBox(BOX).decrypt(box_of(first).box) == PLAIN
    assert all(PLAIN not in one for one in rig.broker.payloads("skerry/v1/nodes/box-1/order"))
    # A new version reaches what runs only by an apply, which it makes a new revision.
    put(client, content=b"new", update=True)
    shown = client.get("/api/v1/secrets/db", NAMED)
    assert (shown["workloads"], shown["behind"]) == (["shop-web"], ["shop-web"])
    rig.idle()
    assert len(rig.orders()) == 1
    assert rig.apply(with_secret()).updated == ("shop-web",)
    second = until("a new order", lambda: rig.orders()[1:])[0]
    assert SealedBox(BOX).decrypt(box_of(second).box) == b"new"
    assert second.instances[0].revision != first.instances[0].revision
    assert rig.apply(with_secret()).unchanged == ("shop-web",)
    assert client.get("/api/v1/secrets/db", NAMED)["behind"] == []
    assert client.ask("DELETE", "/api/v1/secrets/db")[0] == 409


def test_no_order_is_issued_anew_for_nothing(client, rig, tmp_path):
    rig.join("box-1", sealing_key=PUBLIC)
    put(client)
    rig.apply(with_secret())
    order = until("an order", rig.orders)[-1]
    rig.stop()
    again = Rig(tmp_path, key=rig.key).start()
    again.join("box-1", seq=2, accepted=order.generation, digest=again.node().digest,
               sealing_key=PUBLIC)  # fmt: skip
    again.idle()
    assert again.node().generation == order.generation
    again.stop()


def test_a_workload_with_an_unknown_secret_is_refused_where_it_is_named(client, rig):
    status, found = apply_json(client, with_secret(secret="nope"))
    assert (status, found["problems"][0]["field"]) == (400, "workloads[0].containers[0].files[0]")
    assert "there is no secret nope: make it" in found["problems"][0]["reason"]


def test_credentials_go_with_every_image_of_their_registry_and_nothing_restarts(client, rig):
    rig.join("box-1", sealing_key=PUBLIC)
    rig.apply(workload("shop-web", image="registry.example:5000/a/web:1"))
    first = until("an order", rig.orders)[-1]
    assert first.instances[0].containers[0].credentials is None
    status, found = login(client)
    assert (status, found["workloads"]) == (200, ["shop-web"])
    second = until("a new order", lambda: rig.orders()[1:])[0]
    sealed = second.instances[0].containers[0].credentials
    assert SealedBox(BOX).decrypt(sealed.box) == b"ci:pw"
    assert second.instances[0].revision == first.instances[0].revision
    assert client.get("/api/v1/secrets")["items"] == []
    assert len(client.get("/api/v1/registries")["items"]) == 1
    assert client.ask("DELETE", "/api/v1/registries/registry.example:5000")[0] == 200
    third = until("a new order", lambda: rig.orders()[2:])[0]
    assert third.instances[0].containers[0].credentials is None


def test_credentials_are_no_secret_for_workloads(client, rig):
    login(client)
    name = registry_secret("registry.example:5000")
    status, found = apply_json(client, with_secret(secret=name))
    assert status == 400
    assert "is for the registry registry.example:5000" in found["problems"][0]["reason"]


@pytest.mark.parametrize(
    ("host", "username", "password", "field"),
    [("a b", "u", "p", "registry"), ("-x", "u", "p", "registry"), ("h", "", "p", "username"),
     ("h", "a:b", "p", "username"), ("h", "u", "", "password")],
)  # fmt: skip
def test_wrong_credentials_are_told_by_field(client, host, username, password, field):
    status, found = login(client, host.replace(" ", "%20"), password, username)
    assert (status, found["problems"][0]["field"]) == (400, field)


def test_a_node_without_a_key_gets_its_order_with_an_empty_box(client, rig):
    rig.join("box-1")
    put(client)
    rig.apply(with_secret())
    assert box_of(until("an order", rig.orders)[-1]).box == b""
    rig.join("box-1", seq=2, sealing_key=PUBLIC)
    assert box_of(until("a new order", lambda: rig.orders()[1:])[0]).box


@pytest.mark.parametrize("incarnation", [None, SECOND])
def test_a_changed_key_gets_nothing_until_it_is_trusted(client, rig, incarnation):
    rig.join("box-1", sealing_key=PUBLIC)
    put(client)
    rig.apply(with_secret())
    until("an order", rig.orders)
    fields = {} if incarnation is None else {"incarnation": incarnation}
    seq = {"seq": 2} if incarnation is None else {}
    for message in (presence(**seq, **fields), capability(**seq, **fields)):
        rig.say("box-1", message)
    assert rig.say("box-1", report(**seq, **fields, sealing_key=OTHER)).wait(20)
    rig.idle()
    shown = client.get("/api/v1/nodes/box-1", "/api/v1/nodes/{node}")["node"]
    assert shown["sealing_key"] == fingerprint_of(PUBLIC)
    assert shown["other_sealing_key"] == fingerprint_of(OTHER)
    kinds = [one.kind for one in rig.store.events(node="box-1")]
    assert kinds.count("sealing_key_changed") == 1
    assert all(SealedBox(BOX).decrypt(box_of(one).box) == PLAIN for one in rig.orders())
    before = len(rig.orders())
    path = "/api/v1/nodes/box-1/trust-key"
    assert client.ask("POST", path, {"fingerprint": "0" * 32})[0] == 409
    assert client.ask("POST", path, {"fingerprint": fingerprint_of(OTHER)})[0] == 200
    order = until("a new order", lambda: rig.orders()[before:])[-1]
    assert SealedBox(PrivateKey(b"\x08" * 32)).decrypt(box_of(order).box) == PLAIN
    assert client.ask("POST", path, {"fingerprint": fingerprint_of(OTHER)})[0] == 409


@pytest.mark.sqlite_file
def test_nothing_in_the_database_or_the_files_beside_it_is_the_content(client, rig, tmp_path):
    rig.join("box-1", sealing_key=PUBLIC)
    put(client)
    login(client, password="pa55phrase-of-ci")
    rig.apply(with_secret())
    until("an order", rig.orders)
    found = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "hub.db" for path in found)
    for path in found:
        data = path.read_bytes()
        assert PLAIN not in data
        assert base64.b64encode(PLAIN) not in data
        assert b"pa55phrase" not in data


def test_a_hub_without_its_key_says_so_and_leaves_what_runs_alone(client, rig, tmp_path):
    rig.join("box-1", sealing_key=PUBLIC)
    put(client)
    rig.apply(with_secret())
    order = until("an order", rig.orders)[-1]
    rig.stop()
    (tmp_path / "secret-key").unlink()
    again = Rig(tmp_path, key=rig.key)
    assert "put back the one of the backup" in Sealing(again.secret_key).problem(
        again.service.known.secrets.values()
    )
    again.start()
    again.join("box-1", seq=2, accepted=order.generation, digest=again.node().digest,
               sealing_key=PUBLIC)  # fmt: skip
    held = until("an order", again.orders)[-1]
    assert box_of(held) == Sealed(name="db", version=box_of(order).version)
    again.stop()
