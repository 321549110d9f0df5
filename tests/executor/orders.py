"""Orders of a hub of our own, for the executor's tests."""

import base64

import nacl.signing

from skerry_wire import codec, envelope
from skerry_wire.messages import Grant, Order
from skerry_wire.workload import Container, Instance

NODE = "box-1"
INCARNATION = "00112233445566778899aabbccddeeff"
IMAGE = "localhost/skerry-demo-web:1"
KEY = nacl.signing.SigningKey(b"\x01" * 32)
STRANGER = nacl.signing.SigningKey(b"\x02" * 32)
PUBLIC = bytes(KEY.verify_key)
KEYS = {envelope.key_id_of(PUBLIC): PUBLIC}


def key_file():
    """Return the content of a *.pub file with the hub's key."""
    return base64.b64encode(PUBLIC).decode() + "\n"


def container(name="web", **changes):
    return Container(**{"name": name, "image": IMAGE, "command": ("/bin/sleep", "1000"), **changes})


def instance(id="shop-web-0", revision="1", containers=None, **changes):  # noqa: A002
    return Instance(
        id=id,
        workload=id.rpartition("-")[0],
        revision=revision * 16,
        containers=tuple(containers) if containers is not None else (container(**changes),),
    )


def order(*instances, generation=1, node=NODE, incarnation=INCARNATION):
    return Order(
        node=node,
        incarnation=incarnation,
        generation=generation,
        issued_at=1_790_000_000.0,
        instances=instances,
    )


def sealed(message, key=KEY, key_id=None):
    """Return the envelope of an order, as signed by a hub."""
    key_id = key_id or envelope.key_id_of(bytes(key.verify_key))
    return envelope.seal(message, key_id, lambda data: key.sign(data).signature)


def signed(message, key=KEY, key_id=None):
    """Return the bytes of an envelope, as signed by a hub."""
    return codec.encode(sealed(message, key, key_id))


def requested(message, key=KEY, seal=envelope.seal_request):
    """Return the bytes of an envelope of something else than an order, as signed by a hub."""
    key_id = envelope.key_id_of(bytes(key.verify_key))
    return codec.encode(seal(message, key_id, lambda data: key.sign(data).signature))


def granted(challenge, durations, key=KEY, **changes):
    """Return the bytes of a grant, as signed by a hub."""
    grant = Grant(
        **{
            "node": NODE,
            "incarnation": INCARNATION,
            "challenge": challenge,
            "instances": durations,
            **changes,
        }
    )
    key_id = envelope.key_id_of(bytes(key.verify_key))
    sealed = envelope.seal_grant(grant, key_id, lambda data: key.sign(data).signature)
    return codec.encode(sealed)
