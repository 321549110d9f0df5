"""Pieces of a session: taken once, in order, and as they were sealed."""

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from skerry_wire.messages import MAX_PIECE_BYTES, Terminal
from skerry_wire.session import (
    MAX_INPUT_BYTES,
    MAX_OUTPUT_BYTES,
    Opener,
    Sealer,
    SessionError,
    SessionInput,
    SessionOutput,
)

KEY = bytes(range(32))


def seal(nonce, data, key=KEY):
    return ChaCha20Poly1305(key).encrypt(nonce, data, None)


def unseal(nonce, data, key=KEY):
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, data, None)
    except InvalidTag:
        raise ValueError from None


def pieces(*texts, key=KEY):
    sealer = Sealer("in", lambda nonce, data: seal(nonce, data, key))
    return [sealer.sealed(SessionInput(data=text)) for text in texts]


def test_pieces_come_as_they_were_sealed_and_say_nothing_to_others():
    sealer, opener = Sealer("out", seal), Opener("out", unseal)
    sent = [
        SessionOutput(data=b"secret", stream="err", taken=3),
        SessionOutput(end=True, exit_code=7),
    ]
    sealed = [sealer.sealed(one) for one in sent]
    assert b"secret" not in b"".join(sealed)
    assert [opener.opened(SessionOutput, one) for one in sealed] == sent


def test_the_largest_fit():
    sealer = Sealer("in", seal)
    whole = SessionInput(
        data=b"x" * MAX_INPUT_BYTES, terminal=Terminal(columns=4096, rows=4096), eof=True
    )
    assert len(sealer.sealed(whole)) < MAX_PIECE_BYTES
    last = SessionOutput(data=b"x" * MAX_OUTPUT_BYTES, error="e" * 1024, taken=2**32 - 1, end=True)
    assert len(Sealer("out", seal).sealed(last)) < MAX_PIECE_BYTES


def test_one_that_came_before_is_nothing_and_one_out_of_turn_is_an_error():
    first, second, third = pieces(b"rm -i", b" x", b"\n")
    opener = Opener("in", unseal)
    assert opener.opened(SessionInput, first).data == b"rm -i"
    assert opener.opened(SessionInput, first) is None
    with pytest.raises(SessionError, match="piece 1 is missing: 2 came"):
        opener.opened(SessionInput, third)
    assert opener.opened(SessionInput, second).data == b" x"


def test_what_another_made_or_changed_is_refused():
    (good,) = pieces(b"ls")
    (foreign,) = pieces(b"ls", key=bytes(32))
    back = Sealer("out", seal).sealed(SessionOutput(data=b"ls"))
    changed = bytes([*good[:-1], good[-1] ^ 1])
    moved = pieces(b"a", b"b")[1]
    renumbered = bytes(8) + moved[8:]
    for piece in (foreign, back, changed, renumbered, bytes(8) + b"x"):
        with pytest.raises(SessionError, match="was not sealed with the session's key"):
            Opener("in", unseal).opened(SessionInput, piece)


@pytest.mark.parametrize("piece", [b"", bytes(8), bytes(MAX_PIECE_BYTES + 1)])
def test_a_piece_has_a_size(piece):
    with pytest.raises(SessionError, match="bytes"):
        Opener("in", unseal).opened(SessionInput, piece)


def test_what_is_no_message_is_refused_although_it_is_sealed():
    piece = bytes(8) + seal(b"in\0\0" + bytes(8), b"\xc1")
    with pytest.raises(SessionError, match="piece 0 cannot be read"):
        Opener("in", unseal).opened(SessionInput, piece)
