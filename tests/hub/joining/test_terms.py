"""What a box is told: it fits the wire, and tells keys as they are at that moment."""

from tests.hub.pki.certificates import CA

from skerry_hub.joining.records import Certificate
from skerry_hub.joining.terms import Terms
from skerry_wire import joining
from skerry_wire.joining import Enrolled

CERTIFICATE = Certificate(
    serial="1", node="box-1", key_digest="k", issued_at=0.0, expires_at=900.0, pem="pem\n"
)


def test_it_goes_over_the_wire_and_tells_the_keys_of_the_moment():
    keys = [bytes(32)]
    terms = Terms(
        hub="https://[2001:db8::1]:8443",
        broker="mqtts://hub.example:8883",
        broker_ca=CA.pem.decode(),
        order_keys=lambda: tuple(keys),
        life_s=900,
    )
    told = terms.answer(CA, CERTIFICATE, 300.0)
    assert joining.from_json(Enrolled, joining.to_json(told)) == told
    assert (told.lifetime_s, told.renew_after_s) == (600.0, 300.0)
    keys.append(bytes([1] * 32))
    assert len(terms.answer(CA, CERTIFICATE, 300.0).order_keys) == 2
