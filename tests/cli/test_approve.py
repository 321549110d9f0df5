"""`skerry approve`: what a second person sees and signs; with and without a hub."""

import base64
import dataclasses
import json

import pytest
from tests.cli.canned import problems

from skerry_cli.approval_files import Content, load_key
from skerry_executor import approvals
from skerry_hub.api.approvals import ApprovalView, ContentView
from skerry_wire import approval, codec
from skerry_wire.lifecycle import File, Sealed
from skerry_wire.messages import Order
from skerry_wire.workload import Container, DeviceMapping, Instance, Mount

PATH = "/api/v1/approvals"
WEB = Container(
    name="web",
    image="registry.example/shop:1",
    command=("serve", "--all"),
    environment={"MODE": "fast", "ODD": f"\x1b[2J{chr(0x202E)}"},
    privileged=True,
    mounts=(Mount(kind="bind", source="/srv", target="/srv"),),
    devices=(DeviceMapping(host="/dev/ttyS0", container="/dev/ttyS0"),),
    files=(
        File(path="/etc/motd", content=b"hello\n"),
        File(path="/etc/raw", content=b"\xff\x00"),
        File(path="/etc/db", secret=Sealed(name="db", version="1a")),
    ),
)
INSTANCE = Instance(id="shop-web-0", workload="shop-web", revision="1" * 16, containers=(WEB,))


def view(container=WEB, **changes):
    content = approval.content_of(
        "shop-web", (container,), shared_network=False, placed_devices=False
    )
    return ContentView(
        **{
            "workload": "shop-web",
            "digest": approval.digest_of(content),
            "content": base64.b64encode(codec.pack(content)).decode(),
            "refused_by": ("till-3",),
            **changes,
        }
    )


@pytest.fixture
def shop(tmp_path):
    path = tmp_path / "shop.yaml"
    path.write_text("services: {web: {image: registry.example/shop:1}}\n")
    return path


@pytest.fixture
def key(skerry, tmp_path):
    path = tmp_path / "alice.key"
    skerry("approve", "keygen", str(path), "--no-passphrase")
    return path


def test_a_key_is_private_and_its_public_half_is_what_boxes_take(skerry, tmp_path, key):
    assert key.stat().st_mode & 0o777 == 0o600
    loaded = load_key(key, lambda: pytest.fail("it has no passphrase"))
    assert base64.b64decode((tmp_path / "alice.key.pub").read_text()) == loaded.public
    again = skerry("approve", "keygen", str(key), "--no-passphrase", code=2)
    assert "File exists" in again.err


def test_a_key_with_a_passphrase_needs_it(skerry, tmp_path):
    path, words = tmp_path / "bob.key", tmp_path / "words"
    words.write_text("correct horse\n")
    done = skerry("approve", "keygen", str(path), "--passphrase-file", str(words))
    assert b"ENCRYPTED" in path.read_bytes()
    assert load_key(path, lambda: "correct horse").id in done.out
    with pytest.raises(Exception, match="passphrase is wrong"):
        load_key(path, lambda: "battery staple")


def test_without_a_terminal_it_must_be_said_that_there_is_no_passphrase(skerry, tmp_path):
    assert "--no-passphrase" in skerry("approve", "keygen", str(tmp_path / "k"), code=2).err


def test_everything_that_is_not_usual_is_shown_and_nothing_reaches_the_terminal(skerry, hub, shop):
    hub.answers[f"POST {PATH}/contents"] = [view()]
    done = skerry("approve", "show", "-f", str(shop))
    parts = (
        "registry.example/shop:1|serve|--all|MODE: fast|privileged: true|/srv|/dev/ttyS0|/etc/motd"
    )
    for word in (*parts.split("|"), "hello", "2 bytes, SHA-256", "secret db"):
        assert word in done.out, word
    assert "\x1b" not in done.out
    assert chr(0x202E) not in done.out
    assert "its tag may come to mean another image" in done.err
    assert "what the secrets db (1a) hold is the hub's" in done.err
    assert "refused until then by till-3" in done.err


def test_with_the_key_at_hand_it_is_one_command(skerry, hub, shop, key):
    hub.answers[f"POST {PATH}/contents"] = [view()]
    kept = ApprovalView(workload="shop-web", digest="ab" * 32, key_id="0" * 16, at=0.0)
    hub.answers[f"POST {PATH}"] = [kept]
    done = skerry("approve", "-f", str(shop), "--key", str(key), "--yes")
    assert f"shop-web approved, content {'ab' * 6}, key {'0' * 16}" in done.out
    (given,) = hub.asked[-1].body["approvals"]
    _is_taken_by_the_executor(given, key)


def _is_taken_by_the_executor(given, key):
    """What was signed is what a box judges by its own code: the contract."""
    signer = load_key(key, str)
    order = Order(
        node="box-1",
        incarnation="0" * 16,
        generation=1,
        issued_at=0.0,
        instances=(
            Instance(
                id="shop-web-0",
                workload="shop-web",
                revision="1" * 16,
                containers=(WEB,),
                approvals=(base64.b64decode(given["envelope"]),),
            ),
        ),
    )
    assert dict(approvals.lacking(order, {signer.id: signer.public})) == {}


def test_with_the_key_elsewhere_a_file_goes_there_and_back(skerry, hub, shop, key, tmp_path):
    request, approved = str(tmp_path / "shop.request"), str(tmp_path / "shop.approved")
    hub.answers[f"POST {PATH}/contents"] = [view()]
    skerry("approve", "show", "-f", str(shop), "--out", request)
    asked = len(hub.asked)
    done = skerry("approve", "sign", request, "--key", str(key), "--out", approved, "--yes")
    assert "privileged: true" in done.out, "it is shown there, too"
    assert len(hub.asked) == asked, "no hub is asked"
    kept = ApprovalView(workload="shop-web", digest="ab" * 32, key_id="0" * 16, at=0.0)
    hub.answers[f"POST {PATH}"] = [kept]
    skerry("approve", "upload", approved)
    _is_taken_by_the_executor(hub.asked[-1].body["approvals"][0], key)


def test_a_content_that_is_another_one_than_it_says_is_not_signed(skerry, hub, shop, key):
    other = view(dataclasses.replace(WEB, image="evil.example/x:1"))
    hub.answers[f"POST {PATH}/contents"] = [dataclasses.replace(view(), content=other.content)]
    done = skerry("approve", "-f", str(shop), "--key", str(key), "--yes", code=1)
    assert "nothing is approved" in done.err
    hub.answers[f"POST {PATH}/contents"] = [view(workload="other")]
    done = skerry("approve", "-f", str(shop), "--key", str(key), "--yes", code=1)
    assert "nothing is approved" in done.err


def test_nobody_is_asked_where_nobody_is(skerry, hub, shop, key):
    hub.answers[f"POST {PATH}/contents"] = [view()]
    done = skerry("approve", "-f", str(shop), "--key", str(key), code=2)
    assert done.err == (
        "skerry: Approve 1 content? There is no terminal to ask at, so nothing was done: "
        "give -y to do it\n"
    )
    assert [one.path for one in hub.asked] == [f"{PATH}/contents"]


def test_what_was_approved_by_the_same_key_is_not_signed_again(skerry, hub, shop, key):
    signer = load_key(key, str)
    hub.answers[f"POST {PATH}/contents"] = [view(approved_by=(signer.id,))]
    done = skerry("approve", "-f", str(shop), "--key", str(key), "--yes")
    assert "is approved by" in done.err
    assert f"POST {PATH}" not in {f"{one.method} {one.path}" for one in hub.asked}


def test_a_key_that_others_can_read_is_not_used(skerry, hub, shop, key):
    hub.answers[f"POST {PATH}/contents"] = [view()]
    key.chmod(0o644)
    done = skerry("approve", "-f", str(shop), "--key", str(key), "--yes", code=1)
    assert "chmod 600" in done.err


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"kind": "skerry.approvals.v1"}', '{"kind": 1}', "[" * 100_000]
)
def test_a_file_that_is_no_request_is_said(skerry, tmp_path, key, text):
    path = tmp_path / "request"
    path.write_text(text)
    done = skerry(
        "approve", "sign", str(path), "--key", str(key), "--out", str(tmp_path / "o"), "--yes",
        code=2,
    )  # fmt: skip
    assert "no file of skerry approve show --out" in done.err


def test_what_is_wanted_and_what_there_is(skerry, hub):
    hub.answers[f"GET {PATH}/wanted"] = []
    assert "no box refuses" in skerry("approve", "wanted").err
    hub.answers[f"GET {PATH}/wanted"] = [view()]
    assert "shop-web, content" in skerry("approve", "wanted").out
    found = json.loads(skerry("approve", "wanted", "-o", "json").out)["items"]
    assert codec.from_plain(Content, found[0]).opened().containers[0].image == WEB.image
    hub.answers[f"GET {PATH}"] = []
    assert "there are no approvals" in skerry("approve", "list").err
    kept = ApprovalView(workload="shop-web", digest="ab" * 32, key_id="0" * 16, at=1_789_999_940.0)
    hub.answers[f"GET {PATH}"] = [kept]
    assert skerry("approve", "list").out.splitlines()[1].split() == [
        "shop-web", "ab" * 6, "0" * 16, "60s",
    ]  # fmt: skip


def test_a_hub_that_takes_none_is_said(skerry, hub, tmp_path):
    path = tmp_path / "approved"
    path.write_text('{"kind": "skerry.approvals.v1", "approvals": []}')
    hub.answers[f"POST {PATH}"] = problems(400, {"reason": "it is no approval"})
    assert "it is no approval" in skerry("approve", "upload", str(path), code=2).err


def test_usage_is_said(skerry, shop):
    assert "--key" in skerry("approve", "-f", str(shop), code=2).err
    assert "-f" in skerry("approve", code=2).err
