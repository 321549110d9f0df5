"""Where the hub is reached, and that nothing but loopback is without TLS and tokens."""

import pytest

from skerry_hub.addresses import AddressError, checked, host_and_port, is_loopback


def found(host="127.0.0.1", port=8440, mqtt_port=1883, **given):
    return checked({"name": "hub.example", **given}, host, port, mqtt_port)


def test_on_loopback_it_is_simple():
    one = found()
    assert (one.tls, one.auth, one.mqtt_tls) == (False, "tokens", False)
    assert (one.public_url, one.public_broker) == (
        "http://hub.example:8440",
        "mqtt://hub.example:1883",
    )
    assert one.names == ("hub.example", "localhost", "127.0.0.1", "::1")
    assert found(tls="yes").tls
    assert found(auth="off").auth == "off"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "hub.example", "fe80::1"])
def test_elsewhere_there_is_tls_and_whoever_asks_has_a_token(host):
    assert found(host, 8443).tls
    assert found(host, 8443).auth == "tokens"
    with pytest.raises(AddressError, match="--tls no"):
        found(host, tls="no")
    with pytest.raises(AddressError, match="--auth off"):
        found(host, auth="off")
    shown = f"[{host}]" if ":" in host else host
    one = found(mqtt_listen=f"{shown}:8883")
    assert one.mqtt_tls
    assert (one.mqtt_host, one.mqtt_port) == (host, 8883)
    assert one.public_broker == "mqtts://hub.example:8883"


def test_what_is_told_may_be_another_address():
    one = found(public_url="https://fleet.example/", public_broker="mqtts://b.example:443")
    assert (one.public_url, one.public_broker) == (
        "https://fleet.example",
        "mqtts://b.example:443",
    )


def test_names_are_each_taken_once_in_their_order():
    assert found(name="b.example, A.example 10.0.0.1,b.example").names[:3] == (
        "b.example",
        "a.example",
        "10.0.0.1",
    )
    assert found(name="::1").public_url == "http://[::1]:8440"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"name": "a b_!"}, "--name"),
        ({"name": "x" * 64}, "--name"),
        ({"name": ",".join(f"n{i}" for i in range(33))}, "more than 32"),
        ({"tls": "on"}, "auto, yes or no"),
        ({"auth": "no"}, "tokens or off"),
        ({"mqtt_listen": "8883"}, "--mqtt-listen '8883' must be HOST:PORT"),
        ({"public_url": "hub.example"}, "--public-url must be http://HOST:PORT or"),
        ({"public_url": "https://a:b@hub.example"}, "--public-url"),
        ({"public_url": "https://hub.example:x"}, "--public-url"),
        ({"public_broker": "mqtts://hub.example/path"}, "--public-broker"),
    ],
)
def test_what_is_wrong_is_named(given, says):
    with pytest.raises(AddressError, match=says):
        found(**given)


def test_what_is_loopback():
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.8.0.1", "::1")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "localhost.example", "192.168.0.1")))
    assert host_and_port("--listen", "[::]:80") == ("::", 80)
