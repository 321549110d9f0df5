"""gRPC over a unix socket: header compression, messages, and servers that misbehave."""

import contextlib
import socket
import struct
import threading

import pytest

from skerry_executor.cancel import Cancel, Cancelled
from skerry_executor.runtimes import grpc, hpack
from skerry_executor.runtimes import protobuf as pb

# --- header compression: the examples of RFC 7541, appendix C ------------------------------


@pytest.mark.parametrize(
    ("block", "fields"),
    [
        ("400a637573746f6d2d6b65790d637573746f6d2d686561646572", {"custom-key": "custom-header"}),
        ("100870617373776f726406736563726574", {"password": "secret"}),
        ("4088 25a849e95ba97d7f 8925a849e95bb8e8b4bf", {"custom-key": "custom-value"}),
        ("88", {":status": "200"}),
    ],
)
def test_headers_are_read_in_every_form(block, fields):
    assert hpack.Decoder().decode(bytes.fromhex(block)) == fields


def test_a_field_that_came_before_is_known_by_its_number():
    decoder = hpack.Decoder()
    decoder.decode(bytes.fromhex("4088 25a849e95ba97d7f 8925a849e95bb8e8b4bf"))
    assert decoder.decode(b"\xbe") == {"custom-key": "custom-value"}
    assert decoder.decode(b"\x3f\xe1\x1f\xbe") == {"custom-key": "custom-value"}
    # The table made empty, the number means nothing.
    with pytest.raises(hpack.HpackError):
        decoder.decode(b"\x20\xbe")


def test_what_is_sent_can_be_read():
    fields = {"a": "b" * 300, ":path": "/x.y/Z", "empty": ""}
    assert hpack.Decoder().decode(hpack.encode(fields.items())) == fields


@pytest.mark.parametrize(
    "block",
    ["be", "40", "400a63", "ffffffffffff7f", "4081 00 8100", "3fe1ff03", "00016184ffffffff"],
)
def test_headers_that_are_none_are_refused(block):
    with pytest.raises(hpack.HpackError):
        hpack.Decoder().decode(bytes.fromhex(block))


# --- messages ------------------------------------------------------------------------------


def test_a_message_is_read_as_it_was_written():
    inner = pb.text(1, "é") + pb.number(2, 300)
    message = (
        pb.data(1, inner) + pb.number(2, -1) + pb.texts(3, ["a", ""]) + pb.text_map(4, {"k": "v"})
    )
    found = pb.Fields(message)
    assert (found.message(1).text(1), found.message(1).number(2)) == ("é", 300)
    assert found.signed(2) == -1
    assert found.texts(3) == ("a", "")
    assert found.text_map(4) == {"k": "v"}
    assert (found.number(9), found.text(9), found.has(9), found.message(9).text(1)) == (
        0,
        "",
        False,
        "",
    )


def test_unknown_forms_are_skipped_or_refused():
    fixed = b"\x09" + b"\0" * 8 + b"\x15" + b"\0" * 4 + pb.number(3, 7)
    assert pb.Fields(fixed).number(3) == 7
    for nonsense in (b"\x0b", b"\x0a\x05ab", b"\x08", b"\x08" + b"\xff" * 10 + b"\1", b"\x09abc"):
        with pytest.raises(pb.ProtobufError):
            pb.Fields(nonsense)
    with pytest.raises(pb.ProtobufError):
        pb.Fields(pb.number(1, 1)).text(1)
    with pytest.raises(pb.ProtobufError):
        pb.Fields(pb.text(1, "x")).number(1)


# --- calls ---------------------------------------------------------------------------------


def frame(kind, flags, payload, stream=1):
    head = len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
    return head + payload


HEADERS = frame(1, 4, b"\x88")
SETTINGS = frame(4, 0, b"", stream=0)


def trailers(status, said=""):
    fields = [("grpc-status", str(status)), *([("grpc-message", said)] if said else [])]
    return frame(1, 5, hpack.encode(fields))


def message(data):
    return frame(0, 0, struct.pack(">BI", 0, len(data)) + data)


@pytest.fixture
def serving(tmp_path):
    """Return a function that serves each connection with given bytes, and keeps what came."""
    listeners, came = [], []

    def make(*answers, open_end=False):
        path = str(tmp_path / f"socket-{len(listeners)}")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        listeners.append(listener)

        def serve():
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(5)
                data = b""
                for answer in answers:
                    data += connection.recv(1_000_000)
                    connection.sendall(answer)
                if open_end:
                    threading.Event().wait(3)
                else:
                    connection.shutdown(socket.SHUT_WR)
                    while part := connection.recv(65536):
                        data += part
                came.append(data)

        threading.Thread(target=serve, daemon=True).start()
        return path

    make.came = came
    yield make
    for listener in listeners:
        listener.close()


def call(path, data=b"hello", **changes):
    return grpc.call(path, "/x.y.Service/Method", data, **{"timeout_s": 5.0, **changes})


def test_an_answer_is_told_whatever_its_frames(serving):
    whole = struct.pack(">BI", 0, 5) + b"there"
    padded = frame(0, 8, b"\x03" + whole[:4] + b"\0\0\0")
    ping = frame(6, 0, b"12345678", stream=0)
    path = serving(SETTINGS + ping + HEADERS + padded + frame(0, 0, whole[4:]) + trailers(0))
    assert call(path, headers=(("x-key", "value"),)) == b"there"


def test_headers_may_come_in_pieces(serving):
    fields = hpack.encode([("grpc-status", "5"), ("grpc-message", "not%20here")])
    pieces = frame(1, 1, fields[:4]) + frame(9, 0, fields[4:9]) + frame(9, 4, fields[9:])
    with pytest.raises(grpc.GrpcError) as error:
        call(serving(HEADERS + pieces))
    assert (error.value.status, error.value.said) == (5, "not here")


def test_much_is_sent_only_as_far_as_the_server_takes_it(tmp_path):
    """Nothing moves beyond 65,535 bytes before the server has made room."""
    path, before = str(tmp_path / "socket"), []
    room = frame(8, 0, struct.pack(">I", 200_000), 0) + frame(8, 0, struct.pack(">I", 200_000))

    def serve():
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(0.3)
            with contextlib.suppress(TimeoutError):
                while part := connection.recv(65536):
                    before.append(len(part))
            connection.sendall(SETTINGS + room)
            connection.settimeout(5)
            left = 150_005 - sum(before)
            while left > 0:
                left -= len(connection.recv(65536))
            connection.sendall(HEADERS + message(b"ok") + trailers(0))

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        assert call(path, b"x" * 150_000) == b"ok"
        thread.join(5)
    assert 65_535 < sum(before) < 65_535 + 400


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "closed the connection"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "a frame of"),
        (frame(7, 0, b"\0" * 8, 0), "ended the connection"),
        (frame(3, 0, b"\0" * 4), "gave the call up"),
        (frame(1, 5, b"\x8d"), "does not speak gRPC: status 404"),
        (HEADERS + trailers(0), "not one whole message"),
        (HEADERS + frame(0, 0, b"\1\0\0\0\0") + trailers(0), "compressed"),
        (frame(1, 4, b"\xbe"), "headers end within a field"),
        (HEADERS + frame(0, 8, b"\x09a"), "all padding"),
    ],
)
def test_a_server_that_speaks_something_else_is_said(serving, answer, words):
    with pytest.raises(OSError, match=words):
        call(serving(answer))


def test_a_silent_server_is_given_up(serving):
    with pytest.raises(TimeoutError):
        call(serving(SETTINGS, open_end=True), timeout_s=0.1)


def test_a_call_ends_when_it_is_wished(serving):
    cancel = Cancel()
    timer = threading.Timer(0.1, cancel.ask)
    timer.start()
    with pytest.raises(Cancelled):
        call(serving(SETTINGS, open_end=True), cancel=cancel)
