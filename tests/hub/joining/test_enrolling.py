"""Joining, renewing and shutting out on a real store of each kind, with real certificates."""

import concurrent.futures
import dataclasses
import threading

import pytest
import sqlalchemy as sa
import structlog
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from tests.hub.pki.certificates import CA, DAY_S, ED_KEY, KEY, NOW, request

from skerry_hub import tables
from skerry_hub.access import audit_rows
from skerry_hub.access.audit import Audit
from skerry_hub.access.audit_rows import Wanted
from skerry_hub.enrollment_rows import EnrollmentRows
from skerry_hub.joining.audit_log import NoAudit
from skerry_hub.joining.enrolling import Enrolling, load
from skerry_hub.joining.forgetting import KEPT_S, STEP_S
from skerry_hub.joining.join import NOT_VALID
from skerry_hub.joining.terms import Terms
from skerry_hub.joining.views import JoinTokenRequest
from skerry_hub.pki import leaves
from skerry_hub.store_error import StoreError
from skerry_hub.store_opening import open_store
from skerry_hub.work import RefusedError
from skerry_hub.writer.calling import BusyError
from skerry_wire.joining import JoinRequest, RenewRequest

LIFE_S = 90 * DAY_S
TERMS = Terms(
    hub="https://hub.example:8443",
    broker="mqtts://hub.example:8883",
    broker_ca="",
    order_keys=lambda: (bytes(32),),
    life_s=LIFE_S,
)
KEYS = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]


class Door:
    """Notes what the broker's side is told."""

    def __init__(self):
        self.told = []

    def revoked(self, node):
        self.told.append(("revoked", node))

    def replaced(self, node):
        self.told.append(("replaced", node))

    def admitted(self, node):
        self.told.append(("admitted", node))

    def list_changed(self):
        self.told.append(("list",))

    def certificates_changed(self, files):
        self.told.append(("certificates", *files))


class Office:
    """One hub's, with a clock that is set, and boxes that ask it."""

    def __init__(self, store, folder):
        self.now = NOW
        self.folder = folder
        self.admission = load(store)
        self.enrolling = Enrolling(store, CA, TERMS, self.admission, folder, clock=lambda: self.now)
        self.door = self.enrolling.door = Door()

    def token(self, *, may_replace=True, **fields):
        wanted = JoinTokenRequest(**fields)
        return self.enrolling.make_token(wanted, "alice", may_replace=may_replace).token

    def tidy_daily(self, days):
        """Pass days as a hub that runs does."""
        for _ in range(days):
            self.now += DAY_S
            self.enrolling.tidy()

    def join(self, token, key=KEY, node="box-1", **fields):
        asked = JoinRequest(token=token, csr=request(key), node=node, **fields)
        return self.enrolling.join(asked)

    def renew(self, key=KEY):
        return self.enrolling.renew(RenewRequest(csr=request(key)))

    def listed(self):
        found = x509.load_pem_x509_crl((self.folder / "crl.pem").read_bytes())
        return {one.serial_number for one in found}


@pytest.fixture
def store(database):
    store = open_store(database)
    yield store
    store.close()


@pytest.fixture
def office(store, tmp_path):
    return Office(store, tmp_path)


def refused(status, act, *words):
    with pytest.raises(RefusedError) as error:
        act()
    assert error.value.status == status, error.value
    for word in words:
        assert word in str(error.value)


def serial(enrolled):
    return x509.load_pem_x509_certificate(enrolled.certificate.encode()).serial_number


def test_a_box_gets_a_certificate_for_its_key_and_id_alone(office):
    asks = request(
        extensions=(x509.BasicConstraints(ca=True, path_length=None),), name="skerry:hub"
    )
    found = office.enrolling.join(JoinRequest(token=office.token(), csr=asks, node="box-1"))
    made = x509.load_pem_x509_certificate(found.certificate.encode())
    assert CA.has_signed(made)
    assert leaves.common_name(made) == "box-1"
    assert made.public_key() == KEY.public_key()
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert leaves.names_of(made) == frozenset()
    assert leaves.expires_at(made) == NOW + LIFE_S
    assert (found.node, found.ca, found.hubs) == ("box-1", CA.pem.decode(), (TERMS.hub,))
    assert (found.broker, found.broker_ca) == (TERMS.broker, "")
    assert (found.lifetime_s, found.renew_after_s) == (LIFE_S, 60 * DAY_S)
    assert found.order_keys == ("A" * 43 + "=",)


def test_neither_text_nor_secret_of_a_token_is_kept(office, store):
    token = office.token(labels={"site": "quay-3"})
    with store.aside() as connection:
        (kept,) = EnrollmentRows(connection).tokens()
    assert token not in repr(kept)
    assert token.rpartition("_")[2] not in repr(kept)
    assert token not in repr(office.enrolling.make_token(JoinTokenRequest()))


def test_a_token_is_for_one_use(office):
    token = office.token()
    office.join(token)
    refused(401, lambda: office.join(token, KEYS[0], "box-2"))
    (view,) = office.enrolling.tokens()
    assert (view.used, view.state, view.made_by) == (1, "used up", "alice")


def test_a_lost_answer_is_the_same_again_until_the_token_expires(office):
    token = office.token(ttl_s=600)
    first = office.join(token)
    office.now += 599
    assert office.join(token).certificate == first.certificate
    office.now += 1
    refused(401, lambda: office.join(token))


def test_a_wrong_request_uses_nothing(office):
    token = office.token()
    bad = JoinRequest(token=token, csr=request()[:-40], node="box-1")
    refused(400, lambda: office.enrolling.join(bad), "request")
    # Who has no token does not even learn that.
    unknown = dataclasses.replace(bad, token=token[:-4] + "AAAA")
    refused(401, lambda: office.enrolling.join(unknown))
    office.join(token)


@pytest.mark.parametrize("wrong", ["secret", "id", "form"])
def test_a_token_that_is_nearly_one_is_none(office, wrong):
    token = office.token()
    head, _, secret = token.rpartition("_")
    other = {
        "secret": head + "_" + secret[::-1],
        "id": head[:-1] + ("0" if head[-1] != "0" else "1") + "_" + secret,
        "form": token + "x",
    }[wrong]
    refused(401, lambda: office.join(other), "skerry token create")


def test_a_thousand_uses_at_once_give_one_certificate(store, office):
    token = office.token()
    ready = threading.Barrier(20)

    def ask(number):
        key = KEYS[number % len(KEYS)] if number % 50 else ED_KEY
        asked = JoinRequest(token=token, csr=request(key), node=f"box-{number}")
        if number < 20:
            ready.wait(30)
        try:
            return office.enrolling.join(asked).certificate
        except RefusedError as error:
            return str(error)

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        found = set(pool.map(ask, range(1000)))
    # Whoever had the key that won got the same certificate; all others, that the token is none.
    assert len(found - {NOT_VALID}) == 1
    with store.aside() as connection:
        rows = EnrollmentRows(connection)
        assert [one.used for one in rows.tokens()] == [1]
        (box,) = rows.enrollments()
        assert len(rows.certificates(box.node)) == 1


def test_also_where_two_hubs_processes_ask_the_same_database(database, tmp_path):
    """The store's lock is not what holds: the database's own rules do."""
    stores = [open_store(database)]
    if database.startswith("sqlite"):
        stores.append(open_store(database))  # a server's database is held against a second hub
    offices = [Office(store, tmp_path) for store in stores]
    token = offices[0].token(uses=3)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(12)]

    def ask(number):
        try:
            return offices[number % len(offices)].join(token, keys[number], f"box-{number}").node
        except RefusedError:
            return None

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        found = [one for one in pool.map(ask, range(12)) if one is not None]
    assert len(found) == 3
    for store in stores:
        store.close()


# --- renewing -----------------------------------------------------------------------------


def test_a_box_renews_by_its_key_alone_however_long_its_certificate_has_expired(office):
    first = office.join(office.token())
    office.now += 3 * 365 * DAY_S
    second = office.renew()
    assert second.node == "box-1"
    assert serial(second) != serial(first)
    assert second.renew_after_s == 60 * DAY_S


def test_it_gets_at_most_one_an_hour(office):
    first = office.join(office.token())
    office.now += 1800
    assert office.renew().certificate == first.certificate
    office.now += 1800
    second = office.renew()
    assert second.certificate != first.certificate
    assert second.lifetime_s == LIFE_S


def test_a_hub_whose_clock_was_wrong_gives_no_more_of_them_because_of_that(office):
    office.join(office.token())
    office.now += 400 * DAY_S
    ahead = office.renew()
    office.now -= 390 * DAY_S
    first = office.renew()
    assert first.certificate != ahead.certificate
    office.now += 60
    assert office.renew().certificate == first.certificate


def test_a_key_that_did_not_join_gets_none(office):
    office.join(office.token())
    refused(403, lambda: office.renew(KEYS[0]), "skerry token create")


# --- shut out -----------------------------------------------------------------------------


def test_who_is_revoked_is_on_the_list_and_renews_no_more(office):
    first = office.join(office.token())
    office.now += 2 * 3600
    second = office.renew()
    view = office.enrolling.revoke("box-1")
    assert view.revoked_at == office.now
    assert [one.revoked_at for one in view.certificates] == [office.now] * 2
    assert office.listed() == {serial(first), serial(second)}
    assert office.door.told == [("admitted", "box-1"), ("revoked", "box-1")]
    assert office.admission.shut_out("box-1")
    refused(403, office.renew)


def test_a_list_that_cannot_be_written_keeps_nobody_in(office):
    office.join(office.token())
    (office.folder / "crl.pem.new").mkdir()
    assert office.enrolling.revoke("box-1").revoked_at == office.now
    assert office.door.told[-1] == ("revoked", "box-1")
    refused(403, office.renew)


def test_to_revoke_again_shuts_out_tokens_that_were_made_in_between(office):
    office.join(office.token())
    first = office.enrolling.revoke("box-1")
    office.now += 10
    between = office.token(node="box-1")
    office.now += 10
    second = office.enrolling.revoke("box-1")
    assert second.revoked_at == office.now == first.revoked_at + 20
    assert [one.revoked_at for one in second.certificates] == [first.revoked_at]
    office.now += 1
    refused(409, lambda: office.join(between), "was revoked")
    assert office.join(office.token(node="box-1")).node == "box-1"


def test_who_has_not_joined_cannot_be_revoked(office):
    refused(404, lambda: office.enrolling.revoke("box-1"), "has not joined")


def test_the_same_box_joins_again_with_the_same_id_and_old_certificates_stay_revoked(office, store):
    first = office.join(office.token())
    office.enrolling.revoke("box-1")
    office.now += 60
    again = office.join(office.token(node="box-1"), node="another")
    assert again.node == "box-1"
    assert not office.admission.shut_out("box-1")
    assert not load(store).shut_out("box-1")
    office.enrolling.write_list()
    assert office.listed() == {serial(first)}
    office.now += 3600
    assert office.renew().node == "box-1"


def test_a_token_from_before_does_not_let_a_revoked_box_in(office):
    many = office.token(uses=10)
    office.join(many)
    office.now += 1
    office.enrolling.revoke("box-1")
    office.now += 1
    for token in (many, office.token()):
        refused(409, lambda token=token: office.join(token), "token create --node box-1")


def test_a_box_made_anew_takes_its_id_over_and_its_old_key_is_out(office):
    first = office.join(office.token())
    office.now += 1
    new = office.join(office.token(node="box-1"), KEYS[0], "whatever")
    assert new.node == "box-1"
    assert office.listed() == {serial(first)}
    assert ("replaced", "box-1") in office.door.told
    refused(403, office.renew)
    office.now += 3600
    assert office.renew(KEYS[0]).node == "box-1"


def test_its_old_key_is_out_also_where_the_hub_is_too_busy_to_finish(office):
    first = office.join(office.token())
    office.now += 1
    token, waits = office.token(node="box-1"), [BusyError("too busy")]
    trusted = []

    def trust(one):
        while waits:
            raise waits.pop()
        trusted.append(one.key_digest)

    office.enrolling.trust = trust
    with pytest.raises(BusyError):
        office.join(token, KEYS[0])
    assert office.listed() == {serial(first)}
    assert ("replaced", "box-1") in office.door.told
    assert office.join(token, KEYS[0]).node == "box-1"
    assert len(trusted) == 1, "the box asks again, and gets the rest done"


def test_who_is_revoked_in_the_middle_of_his_join_stays_out(office):
    """As another thread may do it, between the join's commit and what follows on it."""

    class Log(NoAudit):
        def record(self, who, action, **facts):
            if (action, facts.get("phase")) == ("join", "outcome"):
                office.enrolling.revoke("box-1")
            return super().record(who, action, **facts)

    office.enrolling.audit = Log()
    office.join(office.token())
    assert office.admission.shut_out("box-1")


def test_a_copy_of_an_image_is_no_repetition(office):
    token = office.token(uses=9)
    office.join(token, machine=("a" * 16,))
    refused(409, lambda: office.join(token, machine=("b" * 16,)), "on another machine")
    assert office.join(token, machine=("a" * 16,)).node == "box-1"


def test_a_box_that_is_another_takes_nothing_by_a_token_for_this_one(office):
    office.join(office.token())
    office.now += 1
    token = office.token(node="box-1")
    refused(409, lambda: office.join(token, KEYS[0], "box-2", keeps_id=True), "is node box-2")
    assert [one.used for one in office.enrolling.tokens()] == [1, 0]
    assert office.enrolling.enrollment("box-1").certificates[0].revoked_at is None
    assert office.renew().node == "box-1"
    assert office.join(token, KEYS[0], "box-2").node == "box-1"


def test_whose_key_was_replaced_is_known_by_its_certificates(office, store):
    def replaced():
        with store.aside() as connection:
            return EnrollmentRows(connection).replaced()

    office.join(office.token())
    office.join(office.token(), KEYS[2], "box-2")
    office.enrolling.revoke("box-2")
    office.now += 1
    office.join(office.token(node="box-2"), KEYS[2], "box-2")
    assert replaced() == {}, "revoked and let in again with the same key"
    for key in KEYS[:2]:
        office.now += 1
        office.join(office.token(node="box-1"), key)
        assert replaced() == {"box-1": office.now}
    office.now += 1
    office.enrolling.revoke("box-1")
    assert replaced() == {}, "revoked as a whole"


def test_a_box_that_the_hub_knows_otherwise_is_joined_by_a_token_for_it_alone(office, store):
    with store.aside() as connection:
        connection.execute(sa.insert(tables.nodes).values(id="box-1", record=b""))
    refused(409, lambda: office.join(office.token()), "skerry token create --node box-1")
    assert office.join(office.token(node="box-1")).node == "box-1"
    assert office.join(office.token(), KEYS[0], "box-2").node == "box-2"


# --- who may give a node another key --------------------------------------------------------


def operators(office, **fields):
    """Return a token of somebody who is no admin."""
    return office.token(may_replace=False, **fields)


def test_only_an_admin_makes_a_token_for_a_node_that_is_there(office, store):
    with store.aside() as connection:
        connection.execute(sa.insert(tables.nodes).values(id="box-2", record=b""))
    office.join(office.token())
    for node in ("box-1", "box-2"):
        refused(403, lambda node=node: operators(office, node=node), node, "role admin")
    office.enrolling.revoke("box-1")
    refused(403, lambda: operators(office, node="box-1"), "role admin")
    assert office.join(operators(office, node="box-3"), KEYS[1], "other").node == "box-3"


def test_one_that_was_made_before_the_node_came_takes_nobodys_place(office, store):
    """Else an operator would make them for all ids that are to come."""
    before = operators(office, node="box-1", uses=3)
    first = office.join(office.token())
    refused(409, lambda: office.join(before, KEYS[0]), "an admin makes")
    with store.aside() as connection:
        connection.execute(sa.insert(tables.nodes).values(id="box-2", record=b""))
        connection.execute(sa.update(tables.join_tokens).values(node="box-2"))
    refused(409, lambda: office.join(before, KEYS[0], "another"), "an admin makes")
    assert office.enrolling.enrollment("box-1").certificates[0].revoked_at is None
    assert office.renew().certificate == first.certificate


# --- tokens -------------------------------------------------------------------------------


def test_a_revoked_token_is_none_and_says_so_to_operators(office):
    token = office.token()
    (view,) = office.enrolling.tokens()
    assert office.enrolling.revoke_token(view.id).state == "revoked"
    refused(401, lambda: office.join(token))
    refused(404, lambda: office.enrolling.revoke_token("f" * 16))


@pytest.mark.parametrize("labels", [{"a b": "c"}, {"site": "-"}, {"kubernetes.io/os": "linux"}])
def test_labels_that_are_none_are_refused(office, labels):
    refused(400, lambda: office.token(labels=labels))


# --- what is long over --------------------------------------------------------------------


def test_what_has_long_expired_is_forgotten_and_the_box_renews_still(office, store):
    office.join(office.token())
    office.enrolling.revoke("box-1")
    office.now += 1
    office.join(office.token(node="box-1"))
    office.now -= 2
    office.tidy_daily(int((LIFE_S + KEPT_S) / DAY_S))
    assert len(office.listed()) == 1, "a broker's clock may be behind"
    office.tidy_daily(1)
    assert office.listed() == set()
    assert office.enrolling.tokens() == []
    assert office.renew().node == "box-1"


def test_a_clock_that_was_ahead_once_lets_nobody_in_who_was_shut_out(office, store):
    """Whatever is done meanwhile: boxes renew, too, so that what is written then is ahead as well.

    The first time that old ones are forgotten at all is the worst: nothing is known of before.
    """
    first = office.join(office.token())
    office.join(office.token(), KEYS[0], "box-2")
    office.enrolling.revoke("box-1")
    office.now += 3650 * DAY_S
    with structlog.testing.capture_logs() as told:
        office.enrolling.tidy()
    assert any(one["event"].startswith("the clock is far ahead") for one in told)
    for _ in range(10):
        office.renew(KEYS[0])
        office.tidy_daily(1)
    again = Office(store, office.folder)
    again.now = NOW + 11 * DAY_S
    again.enrolling.tidy()
    assert serial(first) in again.listed()
    again.tidy_daily(1)
    assert serial(first) in again.listed()


def test_a_hub_that_was_away_catches_up(office, store):
    office.join(office.token())
    office.enrolling.revoke("box-1")
    office.now += 2 * (LIFE_S + KEPT_S)
    office.tidy_daily(1)
    assert len(office.listed()) == 1
    office.tidy_daily(int((LIFE_S + KEPT_S) / STEP_S) + 1)
    assert office.listed() == set()


def test_where_nothing_was_made_no_time_is_kept_that_may_be_wrong(office):
    office.now += 3650 * DAY_S
    office.enrolling.tidy()
    office.now = NOW
    office.join(office.token())
    office.enrolling.revoke("box-1")
    office.now += 3650 * DAY_S
    office.enrolling.tidy()
    assert len(office.listed()) == 1


# --- the audit log ------------------------------------------------------------------------


@pytest.fixture
def audited(office, store):
    office.enrolling.audit = audit = Audit(store)

    def rows():
        with store.reading() as connection:
            found = audit_rows.page(connection, Wanted(), 100)
            return [(one.who, one.action, one.content["phase"], one.content) for one in found]

    yield rows
    audit.stop()


def test_who_joins_and_renews_is_in_the_audit_log_before_and_after(office, audited):
    token = office.token()
    first = office.join(token)
    office.now += 3600
    second = office.renew()
    assert [row[:3] for row in audited()] == [
        ("node box-1", "join", "intent"),
        ("node box-1", "join", "outcome"),
        ("node box-1", "renew", "intent"),
        ("node box-1", "renew", "outcome"),
    ]
    contents = [row[3] for row in audited()]
    assert contents[0]["token"] == token[4:20]
    assert contents[1] == {
        "phase": "outcome", "of": "1", "status": "done", "subject": "box-1",
        "serial": f"{serial(first):x}",
    }  # fmt: skip
    assert contents[3]["serial"] == f"{serial(second):x}"
    assert token not in repr(contents)


def test_strangers_and_repetitions_do_not_fill_it(office, audited):
    token = office.token()
    office.join(token)
    office.join(token)
    office.renew()
    refused(401, lambda: office.join(token, KEYS[0], "box-2"))
    refused(401, lambda: office.join("x" * 40))
    refused(403, lambda: office.renew(KEYS[1]))
    refused(409, lambda: office.join(office.token(), KEYS[2], "box-1"))
    assert [row[1:3] for row in audited()] == [("join", "intent"), ("join", "outcome")]


def test_nothing_is_done_that_the_audit_log_cannot_have(office, store):
    class Full:
        def record(self, who, action, **facts):
            raise StoreError("disk full")

    token = office.token()
    office.enrolling.audit = Full()
    with pytest.raises(StoreError, match="disk full"):
        office.join(token)
    assert office.enrolling.enrollments() == []
    (view,) = office.enrolling.tokens()
    assert view.used == 0
