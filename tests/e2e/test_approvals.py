"""The two-person rule on real parts: nothing new runs on a box without the second person."""

import shutil

import pytest

from lab.processes import wait_for

pytestmark = pytest.mark.e2e

POLICY = '[images]\nallow = ["localhost"]\n'
ASKING = f"{POLICY}[approval]\nrequired = true\n"


@pytest.fixture
def asking(fleet):
    """A box that asks for approvals, and a second person with a key that no machine else has."""
    fleet.key = fleet.folder / "alice.key"
    fleet.hub.cli("approve", "keygen", str(fleet.key), "--no-passphrase")
    folder = fleet.box.folder / "approval-keys"
    folder.mkdir()
    shutil.copy(f"{fleet.key}.pub", folder / "alice.pub")
    fleet.box.allow(ASKING)
    told = lambda node: "approval" in str(fleet.hub.get(f"/api/v1/nodes/{fleet.box.node}"))  # noqa: E731
    fleet.until_node("the hub to be told", told)
    return fleet


def refusal(fleet):
    return fleet.node()["order"]["refusal"] or ""


def test_nothing_new_runs_without_him_and_with_him_it_does(asking):
    path = asking.write("shop")
    done = asking.hub.cli("apply", "-f", str(path))
    assert "will be refused by" in done.stderr
    wait_for("the box's refusal", lambda: "nobody approved shop-web" in refusal(asking), 60)
    assert asking.containers() == []
    # The key is on a machine that reaches nothing: files go there and back.
    request, approved = asking.folder / "shop.request", asking.folder / "shop.approved"
    asking.hub.cli("approve", "wanted", "--out", str(request))
    asking.hub.cli(
        "approve", "sign", str(request), "--key", str(asking.key), "--out", str(approved), "--yes"
    )
    asking.hub.cli("approve", "upload", str(approved))
    asking.until_instance("shop-web-0", "running")
    before = asking.containers()
    asking.hub.cli("restart", "shop-web-0")
    assert asking.containers() != before, "to restart it needs no second person"


def test_an_update_waits_for_him_and_what_runs_goes_on(asking):
    path = asking.write("shop")
    approve = ("approve", "-f", str(path), "--key", str(asking.key), "--yes")
    asking.hub.cli(*approve)
    asking.hub.cli("apply", "-f", str(path), "--wait", "--timeout", "60s")
    before = asking.containers()
    asking.write("shop", revision="2")
    asking.hub.cli("apply", "-f", str(path))
    wait_for("the box's refusal", lambda: "nobody approved shop-web" in refusal(asking), 60)
    assert asking.containers() == before
    asking.hub.cli(*approve)
    wait_for("the update", lambda: asking.containers() not in ([], before), 60)
    asking.until_settled()
    asking.hub.cli("rollout", "undo", "shop-web")
    wait_for("the way back, approved long ago", lambda: not refusal(asking), 60)
    asking.until_settled()
    asking.hub.cli("delete", "workload", "shop-web")
    wait_for("the end, which needs nobody", lambda: not asking.containers(), 60)
