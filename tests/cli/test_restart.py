"""`skerry restart` against the canned hub."""

import dataclasses

import pytest
from tests.cli.canned import problems
from tests.cli.samples import INSTANCE

from skerry_wire.messages import Health, InstanceState

DONE = {"instance": "x", "node": "box-1", "hostname": "quay"}
SECOND = dataclasses.replace(INSTANCE, id="shop-web-1", node="box-2", hostname="pier")
LOOP = {"state": InstanceState.FAILED, "health": Health.NONE, "started_at": None, "exit_code": 3}
RESTS = dataclasses.replace(
    INSTANCE, **LOOP, restarts=55, reason="crash loop back-off of 3 min: exit 3, 55 restarts"
)


class Shop:
    """Two instances; each begins anew when it is restarted, unless it is `broken`."""

    def __init__(self, hub):
        self.hub = hub
        self.instances = {one.id: one for one in (INSTANCE, SECOND)}
        self.broken = set()
        self.restarted = []
        self.after = {}
        """What else there is to an instance once it is restarted."""
        self.late = 0
        """How many looks still see what was before a restart."""
        self.before = {}
        hub.answers["GET /api/v1/instances"] = self.listed
        for name in self.instances:
            hub.answers[f"POST /api/v1/instances/{name}/restart"] = self.restart

    def listed(self, asked):
        found = list(self.instances.values())
        if self.before and self.late:
            self.late -= 1
            self.hub.change()
            found = [self.before.get(one.id, one) for one in found]
        for key in ("node", "workload"):
            if key in asked.query:
                found = [one for one in found if getattr(one, key) == asked.query[key]]
        return found

    def restart(self, asked):
        name = asked.path.split("/")[-2]
        self.restarted.append(name)
        health = Health.UNHEALTHY if name in self.broken else Health.HEALTHY
        self.before = {name: self.instances[name]}
        started_at = self.instances[name].started_at + 100
        self.instances[name] = dataclasses.replace(
            self.instances[name], started_at=started_at, health=health
        )
        self.instances[name] = dataclasses.replace(self.instances[name], **self.after)
        self.hub.change()
        return DONE


@pytest.fixture
def shop(hub):
    return Shop(hub)


def test_instances_follow_one_another(skerry, shop):
    done = skerry("restart", "shop-web")
    assert done.out == (
        "instance/shop-web-0 restarted on quay (box-1)\n"
        "instance/shop-web-1 restarted on pier (box-2)\n"
    )
    assert shop.restarted == ["shop-web-0", "shop-web-1"]


BEHIND = {"current": False, "reason": "its update waits: the box holds it back (maintenance)"}


@pytest.mark.parametrize("name", ["shop-web", "shop-web-0"])
def test_the_revision_that_ran_before_is_waited_for_where_a_newer_one_waits(skerry, shop, name):
    shop.instances["shop-web-0"] = dataclasses.replace(INSTANCE, **BEHIND)
    shop.late = 3
    done = skerry("restart", name, "--timeout", "5s")
    assert done.out.startswith("instance/shop-web-0 restarted on quay (box-1)\n")
    assert shop.restarted == (["shop-web-0"] if name == "shop-web-0" else sorted(shop.instances))


def test_what_is_updated_meanwhile_is_waited_for_at_its_newest_revision(skerry, shop):
    shop.instances["shop-web-0"] = dataclasses.replace(INSTANCE, **BEHIND)
    shop.after = {"current": True, "revision": "1234567", "reason": None}
    assert skerry("restart", "shop-web-0", "--timeout", "5s").code == 0


def test_another_revision_that_is_not_the_newest_will_not_do(skerry, shop):
    shop.after = {"current": False, "revision": "1234567"}
    skerry("restart", "shop-web-0", "--timeout", "0.2s", code=4)


def test_one_that_does_not_become_healthy_ends_it_there(skerry, shop):
    shop.broken.add("shop-web-0")
    done = skerry("restart", "shop-web", "--timeout", "0.3s", code=4)
    assert "instance/shop-web-0 on box-1 is not healthy" in done.err
    assert "running, unhealthy" in done.err
    assert shop.restarted == ["shop-web-0"]


@pytest.mark.parametrize(
    "after",
    [
        LOOP | {"restarts": 58, "reason": "crash loop back-off of 10 s: exit 3, 58 restarts"},
        LOOP | {"started_at": 5.0, "restarts": 1, "reason": "web ended with 3"},
    ],
)
def test_what_ends_again_ends_it_with_the_reason(skerry, shop, after):
    shop.instances["shop-web-0"] = dataclasses.replace(RESTS, started_at=1.0)
    shop.after, shop.late = after, 2
    done = skerry("restart", "shop-web", "--timeout", "5s", code=1)
    reason = after["reason"]
    assert f"instance/shop-web-0 on box-1 was started, and failed again: {reason}\n" in done.err
    assert shop.restarted == ["shop-web-0"]


def test_what_runs_after_many_restarts_is_waited_for(skerry, shop):
    shop.instances["shop-web-0"] = dataclasses.replace(RESTS, started_at=1.0)
    reason = "web was restarted 56 times, the last time a moment ago"
    shop.after = LOOP | {"started_at": 5.0, "exit_code": None, "restarts": 56, "reason": reason}
    done = skerry("restart", "shop-web-0", "--timeout", "0.3s", code=4)
    assert done.err.endswith(f"last seen: failed: {reason}\n")


@pytest.mark.parametrize("state_before", [InstanceState.RUNNING, InstanceState.EXITED])
def test_what_ends_by_itself_is_done_when_it_has_ended_well(skerry, shop, state_before):
    before = dataclasses.replace(INSTANCE, state=state_before, health=Health.NONE)
    shop.instances["shop-web-0"] = before
    shop.after = {"state": InstanceState.EXITED, "health": Health.NONE, "exit_code": 0}
    shop.late = 3
    assert skerry("restart", "shop-web", "--timeout", "5s").out == (
        "instance/shop-web-0 restarted on quay (box-1), and has ended with 0\n"
        "instance/shop-web-1 restarted on pier (box-2), and has ended with 0\n"
    )


def test_what_ends_by_itself_with_another_code_has_failed(skerry, shop):
    shop.after = {"state": InstanceState.EXITED, "health": Health.NONE, "exit_code": 3,
                  "reason": "web ended with 3"}  # fmt: skip
    done = skerry("restart", "shop-web", "--timeout", "5s", code=1)
    assert "shop-web-0 on box-1 was started, and has ended: web ended with 3\n" in done.err
    assert shop.restarted == ["shop-web-0"]


def test_what_the_hub_knew_before_is_not_taken_for_the_new_start(skerry, shop):
    shop.late = 4
    skerry("restart", "shop-web-0")
    assert shop.late == 0


def test_without_waiting(skerry, shop):
    shop.broken.add("shop-web-0")
    assert skerry("restart", "shop-web-0", "--no-wait", "-c", "web").out == (
        "instance/shop-web-0 restarted on quay (box-1)\n"
    )
    assert shop.hub.asked[-1].query == {"container": "web", "within_s": "300.0"}


def test_a_refusal_is_told(skerry, hub, shop):
    hub.answers["POST /api/v1/instances/shop-web-0/restart"] = problems(
        409, {"reason": "quay: it is a job, which runs to its end"}
    )
    assert "it is a job" in skerry("restart", "shop-web", code=1).err
    assert shop.restarted == []
