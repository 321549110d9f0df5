"""The two-person rule on a box: what nobody approved is refused, instance by instance."""

import base64
import dataclasses

import pytest
from tests.executor import changes as key_changes
from tests.executor.approved import SECOND, approval_for, id_of, with_approval
from tests.executor.changes import CHAIN, NEW, NEWEST, OLD, RETIRED, ROTATED, several
from tests.executor.client import Client, asked
from tests.executor.orders import (
    KEY,
    KEYS,
    NODE,
    STRANGER,
    container,
    instance,
    order,
    requested,
    signed,
)
from tests.executor.test_serve import POLICY, Box

from skerry_executor import key_ring
from skerry_executor.approvals import approvers, lacking
from skerry_executor.main import main
from skerry_executor.policy_file import PolicyError, parse_policy
from skerry_wire import envelope
from skerry_wire.messages import Targets
from skerry_wire.workload import DeviceMapping

APPROVERS = {id_of(SECOND): bytes(SECOND.verify_key)}
ASKING = f"{POLICY}[approval]\nrequired = true\n"


def lacks(*instances, keys=APPROVERS):
    return dict(lacking(order(*instances), keys))


def test_what_was_approved_lacks_nothing_whatever_its_number_and_revision():
    approved = with_approval(instance("shop-web-0"))
    again = dataclasses.replace(approved, id="shop-web-1", revision="2" * 16)
    assert lacks(approved, again) == {}


def test_each_instance_that_nobody_approved_is_named():
    found = lacks(with_approval(instance("shop-web-0")), instance("shop-web-1"), instance("a-0"))
    assert found.keys() == {"shop-web-1", "a-0"}
    assert found["a-0"].endswith("nobody approved a")


def test_of_several_approvals_one_must_fit():
    one = instance()
    other = approval_for(instance(image="localhost/other:1"))
    assert lacks(with_approval(one, other, approval_for(one))) == {}
    assert "is for another content" in lacks(with_approval(one, other))["shop-web-0"]


ONE = instance()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (approval_for(ONE, STRANGER), "is not among the box's keys of those who approve"),
        (approval_for(ONE, STRANGER, key_id=id_of(SECOND)), "the signature is not that of key"),
        (approval_for(ONE, KEY), "is not among"),
        (approval_for(instance(image="localhost/other:1")), "is for another content"),
        (approval_for(ONE, workload="till"), "is for workload till"),
        (approval_for(ONE, digest="0" * 64), "is for another content"),
        (requested(Targets(node=NODE), SECOND, envelope.seal_targets), "is no approval"),
        (signed(order(ONE), SECOND), "is no approval"),
        (b"\xc1", "it is not signed"),
        (b"", "it is not signed"),
    ],
)
def test_an_approval_that_does_not_count_says_why(given, reason):
    assert reason in lacks(with_approval(ONE, given))["shop-web-0"]


def test_a_device_that_was_not_approved_is_named():
    tty = DeviceMapping(host="/dev/ttyS0", container="/dev/ttyS0")
    disk = DeviceMapping(host="/dev/sda", container="/dev/sda")
    one, more = instance(devices=(tty,)), instance(devices=(tty, disk))
    assert lacks(with_approval(one)) == {}
    assert "/dev/sda" in lacks(with_approval(more, approval_for(one)))["shop-web-0"]
    assert lacks(with_approval(more, approval_for(one, placed_devices=True))) == {}


def test_a_key_that_signs_orders_approves_nothing():
    assert approvers({**APPROVERS, **KEYS}, KEYS.values()) == APPROVERS
    assert "no key of anybody" in lacks(with_approval(ONE), keys={})["shop-web-0"]


@pytest.fixture
def box(tmp_path):
    (tmp_path / "approval-keys").mkdir()
    box = Box(tmp_path, approval_keys=tmp_path / "approval-keys")
    box.approve_with(SECOND)
    box.policy.write_text(ASKING)
    yield box
    box.end()


STOLEN = key_changes.change(10, OLD, [NEW], [OLD])


def told(box, *changes):
    """Have the box take changes of the order key."""
    if changes:
        client = Client(box.path).ask(keys=several(*changes))
        assert client.until(lambda reply: reply.kind == "done").error is None


def _approve_with(self, *keys):
    for path in self.settings.approval_keys.glob("*.pub"):
        path.unlink()
    for key in keys:
        text = base64.b64encode(bytes(key.verify_key)).decode()
        (self.settings.approval_keys / f"{id_of(key)}.pub").write_text(text)


Box.approve_with = _approve_with


def test_the_real_executor_runs_what_was_approved_and_nothing_else(box):
    refused = asked(box.path, signed(order(instance(), generation=1)))
    assert (refused.refusal.code, refused.accepted) == ("policy", 0)
    assert "shop-web-0: this box asks for an approval" in refused.refusal.reason
    assert box.runtime.containers(NODE) == ()
    done = asked(box.path, signed(order(with_approval(instance()), generation=1)))
    assert (done.accepted, done.reached) == (1, True)
    assert len(box.runtime.containers(NODE)) == 1


def test_one_that_was_not_approved_refuses_the_order_and_what_runs_goes_on(box):
    first = with_approval(instance("shop-web-0"))
    asked(box.path, signed(order(first, generation=1)))
    refused = asked(box.path, signed(order(first, instance("evil-0"), generation=2)))
    assert refused.refusal.code == "policy"
    assert "evil-0" in refused.refusal.reason
    assert "shop-web-0" not in refused.refusal.reason
    assert len(box.runtime.containers(NODE)) == 1
    gone = asked(box.path, signed(order(generation=3)))
    assert gone.reached, "to end something needs no second person"
    assert box.runtime.containers(NODE) == ()


def test_an_approval_restarts_nothing(box):
    box.policy.write_text(POLICY)
    asked(box.path, signed(order(instance(), generation=1)))
    (before,) = box.runtime.containers(NODE)
    box.policy.write_text(ASKING)
    asked(box.path, signed(order(with_approval(instance()), generation=2)))
    (after,) = box.runtime.containers(NODE)
    assert after.id == before.id


def test_what_runs_when_the_box_begins_to_ask_goes_on(box):
    box.policy.write_text(POLICY)
    asked(box.path, signed(order(instance(), generation=1)))
    box.policy.write_text(ASKING)
    outcome = asked(box.path)
    assert any("asks for an approval" in one for one in outcome.problems)
    assert [one.state for one in outcome.instances] == ["running"]


def test_a_hacked_hub_that_changes_anything_of_what_was_approved_is_refused(box):
    approved = with_approval(instance())
    for number, change in enumerate(
        [
            {"image": "localhost/other:1"},
            {"command": ("/bin/sh", "-c", "evil")},
            {"environment": {"LD_PRELOAD": "/tmp/evil.so"}},
            {"privileged": True},
        ]
    ):
        changed = dataclasses.replace(approved, containers=(container(**change),))
        outcome = asked(box.path, signed(order(changed, generation=1 + number)))
        assert "is for another content" in outcome.refusal.reason, change
    assert box.runtime.containers(NODE) == ()


def test_the_hub_is_told_that_this_box_asks_and_by_which_keys(box):
    client = Client(box.path).ask()
    client.done()
    told = client.replies[-1].policy.approval
    assert (told.required, told.keys) == (True, (id_of(SECOND),))


@pytest.mark.parametrize(
    ("changes", "signer"),
    [
        ((), OLD),
        ((ROTATED,), OLD),
        ((ROTATED,), NEW),
        ((ROTATED, RETIRED), NEW),
        (CHAIN, NEWEST),
        ((STOLEN,), NEW),
    ],
    ids=["never", "begun", "for-this-box", "ended", "twice", "stolen"],
)
@pytest.mark.parametrize("second", [OLD, NEW, NEWEST], ids=["old", "new", "newest"])
def test_a_hub_whose_key_approves_as_well_is_refused_and_that_is_said(
    box, changes, signer, second, capsys
):
    """Also across rotations: of a key that was retired he may have the private half still."""
    box.approve_with(second)
    told(box, *changes)
    known = {OLD, *((NEW,) if changes else ()), *((NEWEST,) if changes == CHAIN else ())}
    outcome = asked(box.path, signed(order(with_approval(instance(), key=second)), signer))
    if second not in known:
        assert outcome.reached, "it is not the hub's"
        return
    assert "no key of anybody who approves" in outcome.refusal.reason
    assert box.runtime.containers(NODE) == ()
    assert any("signs orders or did so, so it approves" in one for one in outcome.problems)
    trusted = key_ring.trusted_keys(box.settings).by_id
    words = "signs orders" if id_of(second) in trusted else "once signed orders"
    assert f"BAD approvals: key {id_of(second)} {words}" in "\n".join(check(box, capsys))


def test_a_box_without_such_keys_says_what_to_do(box):
    box.approve_with()
    outcome = asked(box.path, signed(order(with_approval(instance()))))
    assert any("put the public keys of those who approve there" in one for one in outcome.problems)


def test_the_policy_says_whether_approvals_are_asked_for():
    assert not parse_policy(b"").approval.required
    assert parse_policy(b"[approval]\nrequired = true\n").approval.required
    for wrong in (b"[approval]\nrequired = 1\n", b"[approval]\nkeys = []\n"):
        with pytest.raises(PolicyError, match="approval"):
            parse_policy(wrong)


def check(box, capsys):
    folder = box.settings.state.parent
    main([
        "check", f"--state={box.settings.state}", f"--policy={box.policy}", f"--run={folder}/run",
        f"--keys={box.settings.keys}", f"--approval-keys={box.settings.approval_keys}",
        "--runtime-socket=/no/such/socket",
    ])  # fmt: skip
    return [line for line in capsys.readouterr().out.splitlines() if "approval" in line]


def test_the_check_says_whose_approvals_count(box, capsys):
    assert check(box, capsys) == [f"ok  approvals: key {id_of(SECOND)}"]
    box.approve_with(SECOND, KEY)
    assert f"BAD approvals: key {id_of(KEY)} signs orders" in "\n".join(check(box, capsys))
    box.approve_with()
    assert "put the public keys of those who approve there" in check(box, capsys)[0]
    box.policy.write_text(POLICY)
    assert check(box, capsys) == []
