"""What a mosquitto is told; that it does so, `test_broker_isolation.py` and others see."""

import pytest

from skerry_hub import mosquitto_conf
from skerry_hub.mosquitto_conf import listener_port, local, plain, secured


def settings(text):
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split(" ", 1) for line in lines if not line.startswith("log_type"))


def test_on_loopback_there_is_no_password_and_no_other_address():
    found = settings(plain(1883))
    assert found["listener"] == "1883 127.0.0.1"
    assert found["allow_anonymous"] == "true"


@pytest.mark.parametrize(
    ("host", "listener"),
    [("0.0.0.0", "8883 0.0.0.0"), ("::", "8883"), ("10.0.0.1", "8883 10.0.0.1"), ("", "8883")],
)
def test_elsewhere_everybody_shows_a_certificate_whose_name_he_is(host, listener):
    found = settings(secured(host, 8883))
    assert found["listener"] == listener
    assert found["allow_anonymous"] == "false"
    for one in ("require_certificate", "use_identity_as_username", "use_username_as_clientid"):
        assert found[one] == "true"
    assert found["crlfile"] == "crl.pem"
    assert found["max_packet_size"] == "1048576"


def test_paths_are_those_of_the_folder_and_what_is_kept_is_elsewhere():
    assert settings(secured("", 8883, "/etc/b/"))["keyfile"] == "/etc/b/broker.pem"
    assert settings(local("me", "/state/")) == {
        "user": "me",
        "persistence": "true",
        "persistence_location": "/state/",
        "persistence_file": mosquitto_conf.SAVED,
        "autosave_interval": "0",
    }
    assert settings(local(None, None)) == {"persistence": "false"}


def test_the_port_is_found_again():
    assert listener_port(secured("10.0.0.1", 8883)) == 8883
    assert listener_port("# listener 1\nlistener x\n") is None
