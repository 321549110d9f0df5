"""Rollouts for tests: members, and what is seen of them, by one word an instance."""

import dataclasses

from tests.hub.records import NOW, assignment, workload

from skerry_hub.lifecycle import Update
from skerry_hub.rollout.looking import Seen
from skerry_hub.rollout.records import Member, Rollout
from skerry_hub.rollout.step import step
from skerry_wire.lifecycle import UpdateStatus
from skerry_wire.messages import Health

OLD = workload(image="localhost/web:1").revision
NEW = workload(image="localhost/web:2").revision


def rollout(total=4, **fields):
    whole = {
        "workload": "shop-web",
        "number": 2,
        "revision": NEW,
        "cause": "apply",
        "strategy": "rolling",
        "stable": 1,
        "stable_revision": OLD,
        "total": total,
        "started_at": NOW,
        "progressed_at": NOW,
    }
    return Rollout(**{**whole, **fields})


def waiting(name="shop-web-0", **fields):
    whole = {"state": "waiting", "former": assignment(name, revision=OLD), "number": 1}
    return Member(id=name, workload="shop-web", since=NOW, **{**whole, **fields})


def at(name="shop-web-0", state="updating", **fields):
    whole = {"since": NOW, "begun_at": NOW}
    return Member(id=name, workload="shop-web", state=state, **{**whole, **fields})


def seen(word="old", wave=""):
    """Return what is seen of an instance: `old` and `new` run, `old!` and `new!` do not."""
    base = Seen(node="box-1", hostname="host-1", wave=wave, informed=True)
    match word:
        case "old" | "new" | "old!" | "new!":
            revision = NEW if word.startswith("new") else OLD
            return dataclasses.replace(base, revision=revision, running=not word.endswith("!"))
        case "starting" | "unhealthy":
            return dataclasses.replace(base, revision=NEW, running=True, health=Health(word))
        case "away":
            return dataclasses.replace(base, away="its node is lost")
        case "unheard":
            return dataclasses.replace(base, unheard=True)
        case "silent":
            return base
        case "unaccepted":
            return dataclasses.replace(base, revision=OLD, running=True, informed=False)
        case "made":
            return dataclasses.replace(base, revision=NEW, made=True)
        case "refused":
            return dataclasses.replace(base, revision=OLD, running=True, refused="not allowed")
        case _:  # held, switching, rolled_back, failed, waiting: the old one runs meanwhile
            told = UpdateStatus(revision=NEW, state=word, reason=f"{word} it is")
            return dataclasses.replace(base, revision=OLD, running=True, update=told)


class Course:
    """A rollout of as many instances, gone on with step by step."""

    def __init__(self, count=4, update=None, waves=None, **fields):
        self.update = update or Update()
        self.rollout = rollout(count, strategy=self.update.strategy, **fields)
        self.members = {one.id: one for one in map(waiting, names(count))}
        self.waves = waves or {}
        self.now = NOW
        self.listening_since = NOW
        self.missing = 0
        self.words = dict.fromkeys(self.members, "old")

    def step(self, passed_s=1.0, **words):
        """Go on; `words` say what is seen of instances by their numbers, as `i0="new"`."""
        self.now += passed_s
        self.words |= {f"shop-web-{key[1:]}": word for key, word in words.items()}
        looks = {
            key: seen(word, self.waves.get(key, ""))
            for key, word in self.words.items()
            if word != "gone" and key in self.members
        }
        now, since = self.now, self.listening_since
        found = step(self.rollout, self.update, self.members, looks, now, since, self.missing)
        self.rollout = found.rollout
        for key, member in found.changed.items():
            if member is None:
                del self.members[key]
            else:
                self.members[key] = member
        self.found = found
        return [int(key.rpartition("-")[2]) for key in found.given]

    def states(self):
        letters = {"waiting": "w", "updating": "u", "done": "d", "failed": "f"}
        return "".join(letters[self.members[key].state] for key in sorted(self.members))


def names(count):
    return [f"shop-web-{number}" for number in range(count)]
