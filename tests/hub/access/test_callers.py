"""Who has shown a token: as the store has it now, whoever changed that."""

import asyncio
import time

import pytest

from skerry_hub.access import callers as module
from skerry_hub.access import issuing
from skerry_hub.access.callers import STAMP, Callers, touch
from skerry_hub.access.issuing import Wish
from skerry_hub.access.roles import Role
from skerry_hub.store_error import StoreError


def made(store, name="alice", **fields):
    return issuing.create(store, Wish(name=name, role=Role.VIEWER, **fields), "root")


def find(callers, text, now=None):
    return asyncio.run(callers.find(text, time.time() if now is None else now))


def test_a_token_names_its_caller_until_its_end(store):
    token, text = made(store, ttl_s=3600)
    callers = Callers(store)
    found = find(callers, text)
    assert (found.name, found.role, found.token) == ("alice", Role.VIEWER, token.id)
    assert callers.used_at[token.id] > 0
    assert find(callers, text, token.expires_at) is None
    for other in ("", "?", text[:-1], text[:-1] + ("A" if text[-1] != "A" else "B")):
        assert find(callers, other) is None


def test_what_was_changed_beside_the_hub_holds_at_once(store, tmp_path):
    callers = Callers(store, tmp_path / STAMP)
    _, text = made(store)
    assert find(callers, text) is None
    touch(tmp_path / STAMP)
    assert find(callers, text).name == "alice"
    issuing.revoke(store, "alice", "root")
    touch(tmp_path / STAMP)
    assert find(callers, text) is None
    assert (tmp_path / STAMP).stat().st_mode & 0o077 == 0


def test_what_another_machine_changed_holds_soon(store):
    callers = Callers(store)
    _, text = made(store)

    async def ask():
        callers._read_at -= module.LOOK_AGAIN_S + 1
        assert await callers.find(text, time.time()) is None
        await callers._reading
        return await callers.find(text, time.time())

    assert asyncio.run(ask()).name == "alice"
    assert callers._reading is None


def test_who_could_ask_can_ask_on_while_the_store_fails(store, tmp_path):
    _, text = made(store)
    callers = Callers(store, tmp_path / STAMP)

    class Failing:
        def reading(self):
            raise StoreError("gone")

    callers._store = Failing()
    touch(tmp_path / STAMP)
    assert find(callers, text).name == "alice"
    with pytest.raises(StoreError):
        callers.load()
    issuing.revoke(store, "alice", "root")
    callers._store = store
    assert find(callers, text) is None, "it is read as soon as it can be"
