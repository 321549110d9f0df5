"""The hub's own certificates: made, kept, and made anew when due, for other names, or damaged."""

import ssl
import stat

import pytest
from tests.hub.pki.certificates import CA, DAY_S, NOW, OTHER_CA

from skerry_hub.pki import leaves, own_certificates
from skerry_hub.pki.own_certificates import BROKER, FOLDER, HUB, HUB_BEATS, next_look, renew
from skerry_wire.joining import BROKER_NAME, HUB_NAME

LIFE_S = 90 * DAY_S
ALL = (HUB, HUB_BEATS, BROKER)
NAMES = ("hub.example", "192.0.2.1")


def test_all_are_made_at_first_and_private(tmp_path):
    assert renew(tmp_path, CA, NAMES, NOW, LIFE_S) == ALL
    for name in ALL:
        path = tmp_path / FOLDER / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        ssl.create_default_context().load_cert_chain(path)
    assert renew(tmp_path, CA, NAMES, NOW, LIFE_S) == ()


def test_they_are_renewed_at_two_thirds_of_life_with_new_keys(tmp_path):
    renew(tmp_path, CA, NAMES, NOW, LIFE_S)
    first = (tmp_path / FOLDER / HUB).read_bytes()
    assert next_look(tmp_path, NOW, LIFE_S) == NOW + 60 * DAY_S
    assert renew(tmp_path, CA, NAMES, NOW + 60 * DAY_S - 1, LIFE_S) == ()
    assert renew(tmp_path, CA, NAMES, NOW + 60 * DAY_S, LIFE_S) == ALL
    assert (tmp_path / FOLDER / HUB).read_bytes()[:200] != first[:200]
    assert next_look(tmp_path, NOW + 60 * DAY_S, LIFE_S) == NOW + 120 * DAY_S


def test_other_names_make_those_anew_that_tell_names(tmp_path):
    renew(tmp_path, CA, NAMES, NOW, LIFE_S)
    assert renew(tmp_path, CA, (*NAMES, "other.example"), NOW, LIFE_S) == (HUB, BROKER)
    made = own_certificates._read(tmp_path / FOLDER / HUB)
    assert leaves.names_of(made) == {*NAMES, "other.example", "hub.skerry.internal"}


def test_neither_hub_nor_broker_is_given_the_name_of_the_other(tmp_path):
    asked = (*NAMES, HUB_NAME, BROKER_NAME)
    renew(tmp_path, CA, asked, NOW, LIFE_S)
    hub, broker = (own_certificates._read(tmp_path / FOLDER / file) for file in (HUB, BROKER))
    assert leaves.names_of(hub) == {*NAMES, HUB_NAME}
    assert leaves.names_of(broker) == {*NAMES, BROKER_NAME}
    assert renew(tmp_path, CA, asked, NOW, LIFE_S) == ()


def test_an_address_that_is_written_in_another_way_is_the_same(tmp_path):
    renew(tmp_path, CA, ("2001:db8:0:0::1",), NOW, LIFE_S)
    assert renew(tmp_path, CA, ("2001:DB8::1",), NOW, LIFE_S) == ()


@pytest.mark.parametrize(
    ("authority", "now", "life_s"),
    [(OTHER_CA, NOW, LIFE_S), (CA, NOW - DAY_S, LIFE_S), (CA, NOW, LIFE_S / 2)],
    ids=["another authority", "a clock that was wrong", "a shorter life"],
)
def test_what_does_not_fit_any_more_is_made_anew(tmp_path, authority, now, life_s):
    renew(tmp_path, CA, NAMES, NOW, LIFE_S)
    assert renew(tmp_path, authority, NAMES, now, life_s) == ALL
    assert renew(tmp_path, authority, NAMES, now, life_s) == ()


def test_a_damaged_or_mixed_file_is_made_anew(tmp_path):
    renew(tmp_path, CA, NAMES, NOW, LIFE_S)
    folder = tmp_path / FOLDER
    hub, broker = (folder / HUB).read_text(), (folder / BROKER).read_text()
    (folder / HUB_BEATS).write_bytes(b"nonsense")
    mark = "-----BEGIN CERTIFICATE-----"
    (folder / HUB).write_text(broker[: broker.index(mark)] + hub[hub.index(mark) :])
    assert renew(tmp_path, CA, NAMES, NOW, LIFE_S) == (HUB, HUB_BEATS)
