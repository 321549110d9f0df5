"""Tokens made and revoked in both databases, each with its row of the audit log."""

import threading
import time

import pytest
import sqlalchemy as sa

from skerry_hub import tables
from skerry_hub.access import audit_rows, issuing, token_rows
from skerry_hub.access.audit_rows import Wanted
from skerry_hub.access.issuing import Wish
from skerry_hub.access.roles import Role
from skerry_hub.access.scope import Scope
from skerry_hub.access.tokens import DEFAULT_TTL_S, digest_of
from skerry_hub.store_error import StoreError
from skerry_hub.work import RefusedError

SITE = Scope((("site", "quay-3"),))


def every(store):
    with store.reading() as connection:
        return token_rows.every(connection)


def rows(store):
    with store.reading() as connection:
        return audit_rows.page(connection, Wanted(), 1000)


def test_a_token_is_kept_as_its_digest_with_all_that_it_is_for(store):
    token, text = issuing.create(store, Wish(name="alice", role=Role.OPERATOR, scope=SITE), "root")
    assert every(store) == {digest_of(text): token}
    assert token.expires_at == pytest.approx(time.time() + DEFAULT_TTL_S, abs=60)
    assert (token.role, token.scope, token.made_by) == (Role.OPERATOR, SITE, "root")
    (row,) = rows(store)
    assert (row.who, row.action, row.content["subject"]) == ("root", "access create", "alice")
    assert (row.content["granted"], row.content["granted_scope"]) == ("operator", "site=quay-3")
    assert text not in str(row)


def test_an_admin_has_no_scope(store):
    with pytest.raises(RefusedError, match="an admin has no scope") as caught:
        issuing.create(store, Wish(name="alice", role=Role.ADMIN, scope=SITE), "root")
    assert (caught.value.status, caught.value.problems[0].field) == (400, "scope")
    assert (every(store), rows(store)) == ({}, [])
    issuing.create(store, Wish(name="alice", role=Role.ADMIN), "root")


def test_a_token_for_ever(store):
    token, _ = issuing.create(store, Wish(name="a", role=Role.VIEWER, ttl_s=None), "root")
    assert token.expires_at is None
    assert rows(store)[0].content["expires_at"] == "never"


def test_a_name_has_one_valid_token_however_many_ask_at_once(store):
    done, refused = [], []

    def make():
        try:
            done.append(issuing.create(store, Wish(name="alice", role=Role.VIEWER), "root"))
        except RefusedError as error:
            refused.append(error.status)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(done), refused) == (1, [409] * 7)
    assert len(rows(store)) == 1


def test_a_token_is_revoked_by_name_or_id_and_once(store):
    for by_id in (False, True):
        token, _ = issuing.create(store, Wish(name="alice", role=Role.VIEWER), "root")
        revoked = issuing.revoke(store, token.id if by_id else "alice", "bob")
        assert revoked.revoked_at is not None
        with pytest.raises(RefusedError, match="there is no valid token"):
            issuing.revoke(store, token.id, "bob")
    assert [row.action for row in rows(store)] == ["access create", "access revoke"] * 2
    assert not any(one.valid(time.time()) for one in every(store).values())


def test_what_ended_long_ago_is_forgotten(store):
    token, _ = issuing.create(store, Wish(name="alice", role=Role.VIEWER), "root")
    issuing.create(store, Wish(name="old", role=Role.VIEWER, ttl_s=60), "root")
    long_ago = time.time() - token_rows.KEPT_S - 10
    with store.aside() as connection:
        table = tables.api_tokens
        connection.execute(
            sa.update(table).where(table.c.name == "old").values(expires_at=long_ago)
        )
    issuing.revoke(store, "alice", "root")
    issuing.create(store, Wish(name="alice", role=Role.VIEWER), "root")
    assert sorted(one.name for one in every(store).values()) == ["alice", "alice"]
    assert token.id in {one.id for one in every(store).values()}


@pytest.mark.parametrize(
    "values",
    [{"content": "{}"}, {"content": "nonsense"}, {"role": "god"}, {"content": '{"scope": "site"}'}],
)
def test_a_damaged_token_is_nobodys(store, values):
    issuing.create(store, Wish(name="alice", role=Role.VIEWER, scope=SITE), "root")
    with store.aside() as connection:
        connection.execute(sa.update(tables.api_tokens).values(**values))
    with pytest.raises(StoreError, match=r"the API token .* is damaged"):
        every(store)
