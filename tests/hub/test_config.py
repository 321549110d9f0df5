"""Settings as a table: what they become, and what is said of wrong ones."""

import argparse

import pytest

from skerry_hub.broker_url import BrokerUrl, broker_at
from skerry_hub.config import ConfigError, add_options, checked

GIVEN = {
    "data": "/srv/hub",
    "listen": "127.0.0.1:8440",
    "broker": None,
    "mqtt_port": "1883",
    "database": None,
    "unreachable_after": "60",
    "lost_after": "600",
    "strategy": "spread",
    "keep_decisions": "10000",
    "keep_decisions_days": "30",
    "keep_decisions_mib": "1024",
}


def test_what_the_defaults_become():
    found = checked(GIVEN)
    assert (str(found.data), found.addresses.host, found.addresses.port) == (
        "/srv/hub",
        "127.0.0.1",
        8440,
    )
    assert (found.broker, found.addresses.mqtt_port) == (None, 1883)
    assert found.database == "sqlite:////srv/hub/hub.db"
    assert (found.patience.unreachable_s, found.patience.lost_s) == (60.0, 600.0)
    assert found.strategy == "spread"
    assert (found.keep.most, found.keep.days, found.keep.most_bytes) == (10_000, 30, 2**30)
    assert checked({**GIVEN, "strategy": "pack"}).strategy == "pack"
    assert found.keep_revisions == 20
    assert checked({**GIVEN, "keep_revisions": "3"}).keep_revisions == 3


def test_how_long_certificates_hold_in_parts_of_days_too():
    assert checked(GIVEN).certificate_s == 90 * 86_400
    assert checked({**GIVEN, "certificate_days": "0.5"}).certificate_s == 43_200
    for wrong in ("0", "x", "-1", "nan", "inf", "4000"):
        with pytest.raises(ConfigError, match=r"--certificate-days.*0.0001 to 3650"):
            checked({**GIVEN, "certificate_days": wrong})


def test_boxes_are_told_the_broker_that_there_is_unless_another_is_named():
    given = {**GIVEN, "broker": "mqtts://hub:secret@broker.example", "name": "hub.example"}
    assert checked(given).addresses.public_broker == "mqtts://broker.example:8883"
    given["public_broker"] = "mqtts://outside.example:443"
    assert checked(given).addresses.public_broker == "mqtts://outside.example:443"
    own = {**GIVEN, "name": "hub.example", "mqtt_listen": "0.0.0.0:8883"}
    assert checked(own).addresses.public_broker == "mqtts://hub.example:8883"


@pytest.mark.parametrize(
    ("name", "text", "host", "port"),
    [
        ("listen", "0.0.0.0:80", "0.0.0.0", 80),
        ("listen", "[::1]:8440", "::1", 8440),
        ("listen", "hub.example:8440", "hub.example", 8440),
    ],
)
def test_where_it_listens(name, text, host, port):
    found = checked({**GIVEN, name: text})
    assert (found.addresses.host, found.addresses.port) == (host, port)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("data", None, "--data DIR is missing"),
        ("data", "", "--data DIR is missing"),
        ("listen", "8440", "HOST:PORT"),
        ("listen", ":8440", "HOST:PORT"),
        ("listen", "localhost:0", "1 to 65535"),
        ("listen", "localhost:http", "1 to 65535"),
        ("listen", "localhost:٤٢", "1 to 65535"),
        ("mqtt_port", "9" * 5000, "--mqtt-port"),
        ("mqtt_port", "65536", "--mqtt-port"),
        ("mqtt_port", "-1", "--mqtt-port"),
        ("broker", "tcp://h", "mqtt://host:port"),
        ("unreachable_after", "soon", "--unreachable-after"),
        ("unreachable_after", "nan", "--unreachable-after"),
        ("lost_after", "0", "--lost-after"),
        ("lost_after", "inf", "--lost-after"),
        ("lost_after", "30", "must not be less"),
        ("lost_after_adapts", "maybe", "--lost-after-adapts 'maybe' must be yes or no"),
        ("keep_revisions", "0", "--keep-revisions: '0' must be 1 to 10000"),
        ("strategy", "binpack", "must be spread or pack"),
    ],
)
def test_a_wrong_setting_is_named(name, text, says):
    with pytest.raises(ConfigError) as raised:
        checked({**GIVEN, name: text})
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("mqtt://h", BrokerUrl(host="h", port=1883, tls=False, username=None, password=None)),
        ("mqtts://h", BrokerUrl(host="h", port=8883, tls=True, username=None, password=None)),
        (
            "mqtt://u:p%40ss@h:99/",
            BrokerUrl(host="h", port=99, tls=False, username="u", password="p@ss"),
        ),
    ],
)
def test_a_broker_is_read_and_shown_without_its_password(url, broker):
    found = broker_at(url)
    assert found == broker
    for shown in (str(found), repr(found)):
        assert "p@ss" not in shown
        assert "p%40ss" not in shown


def test_an_address_of_version_six_is_shown_as_it_is_written():
    assert str(broker_at("mqtt://[::1]:1884")) == "mqtt://[::1]:1884"


@pytest.mark.parametrize(
    "url",
    [
        "", "h", "http://h", "mqtt://", "mqtt://:1883", "mqtt://h/topic", "mqtt://h?x=secret",
        "mqtt://h:0", "mqtt://h:99999", "mqtt://u:sec/ret@h", "mqtt://u@h:secret", "mqtt://[secret",
    ],
)  # fmt: skip
def test_what_is_no_broker_is_refused_without_repeating_it(url):
    with pytest.raises(ValueError, match="a broker is mqtt://") as raised:
        broker_at(url)
    assert "sec" not in str(raised.value)


def test_every_option_names_its_variable_in_the_help():
    parser = argparse.ArgumentParser()
    add_options(parser)
    told = parser.format_help()
    for name in GIVEN:
        assert f"SKERRY_HUB_{name.upper()}" in told.replace("\n", "")


@pytest.mark.parametrize(("given", "adapts"), [(None, True), ("yes", True), ("no", False)])
def test_a_hub_may_be_told_to_be_strict(given, adapts):
    assert checked({**GIVEN, "lost_after_adapts": given}).patience.adapts is adapts
