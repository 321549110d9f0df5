"""Approvals as a second person of our own gives them, for the executor's tests."""

import dataclasses

import nacl.signing

from skerry_wire import approval, codec, envelope

SECOND = nacl.signing.SigningKey(b"\x0a" * 32)
"""The second person's key, which no hub has."""


def id_of(key):
    return envelope.key_id_of(bytes(key.verify_key))


def approval_for(instance, key=SECOND, *, key_id=None, placed_devices=False, **changes):
    """Return the bytes of an approval of what an instance is."""
    content = dataclasses.replace(approval.of_instance(instance), placed_devices=placed_devices)
    wanted = dataclasses.replace(approval.approval_of(content, 1_790_000_000.0), **changes)
    sealed = envelope.seal_approval(wanted, key_id or id_of(key), lambda d: key.sign(d).signature)
    return codec.encode(sealed)


def with_approval(instance, *approvals, **how):
    """Return an instance with these approvals, or one of its own."""
    given = approvals or (approval_for(instance, **how),)
    return dataclasses.replace(instance, approvals=given)
