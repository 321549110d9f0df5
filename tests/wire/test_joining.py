"""What box and hub say before they share a broker: there and back, and its limits."""

import dataclasses
import json

import pytest

from skerry_wire.errors import WireError
from skerry_wire.joining import (
    MAX_BODY_BYTES,
    Enrolled,
    JoinRequest,
    RenewRequest,
    from_json,
    to_json,
)

PEM = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB+/=\n-----END CERTIFICATE REQUEST-----\n"
JOIN = JoinRequest(
    token="skj_0123456789abcdef_" + "x" * 43, csr=PEM, node="till-3", machine=("0a" * 8,)
)
ENROLLED = Enrolled(
    node="till-3",
    certificate=PEM,
    ca=PEM,
    broker="mqtts://hub.example:8883",
    broker_ca=PEM,
    hubs=("https://hub.example:8443",),
    order_keys=("A" * 43 + "=",),
    lifetime_s=7_776_000.0,
    renew_after_s=5_184_000.0,
)


@pytest.mark.parametrize(
    "message",
    [JOIN, dataclasses.replace(JOIN, sealing_key="A" * 43 + "="), RenewRequest(csr=PEM), ENROLLED],
)
def test_there_and_back(message):
    assert from_json(type(message), to_json(message)) == message


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"token": "short"}, "token"),
        ({"token": "x" * 129}, "token"),
        ({"token": "with space " * 3}, "token"),
        ({"csr": "x" * 16385}, "csr"),
        ({"csr": "\x00"}, "csr"),
        ({"node": "Till"}, "node"),
        ({"node": "skerry:hub"}, "node"),
        ({"node": "../x"}, "node"),
        ({"machine": ["0a" * 8] * 65}, "machine"),
        ({"machine": ["z"]}, "machine"),
        ({"csr": None}, "csr"),
        ({"sealing_key": "x"}, "sealing_key"),
        ({"sealing_key": "A" * 44}, "sealing_key"),
    ],
)
def test_what_is_wrong_is_named(change, field):
    plain = {**json.loads(to_json(JOIN)), **change}
    with pytest.raises(WireError, match=field):
        from_json(JoinRequest, json.dumps(plain).encode())


@pytest.mark.parametrize(
    "data", [b"", b"[", b"[]", b"\xff", b"[" * 5000, b" " * (MAX_BODY_BYTES + 1)]
)
def test_what_is_no_such_message_is_refused(data):
    with pytest.raises(WireError):
        from_json(JoinRequest, data)
