"""A real server on the loopback address; which addresses are refused."""

import queue
import socket

import pytest

from skerry_agent.effects import MeasureRoundTrip
from skerry_agent.tcp_round_trip import RoundTripError, kernel_ms, measure, refused, start
from skerry_wire.messages import Target

LOOPBACK = ("127.0.0.0/8",)


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def target(server, host="127.0.0.1"):
    return Target(name="endpoint/erp", host=host, port=server.getsockname()[1])


def test_the_time_of_the_handshake_is_measured_and_the_connection_closed(server):
    assert 0 < measure(target(server), 3, LOOPBACK) < 100
    for _ in range(3):
        connection, _ = server.accept()
        with connection:
            connection.settimeout(5)
            assert connection.recv(1) == b""


def test_a_name_is_looked_up_and_the_address_that_is_allowed_is_taken(server):
    assert measure(target(server, "localhost"), 1, LOOPBACK) > 0


def test_loopback_is_refused_unless_the_box_allows_it(server):
    with pytest.raises(RoundTripError, match="no address of another box"):
        measure(target(server), 1)
    with pytest.raises(RoundTripError, match="none of the networks"):
        measure(target(server), 1, ("10.0.0.0/8",))
    server.settimeout(0.1)
    with pytest.raises(TimeoutError):
        server.accept()  # nobody knocked


def test_a_port_where_nobody_listens_is_no_time(server):
    closed = target(server)
    server.close()
    with pytest.raises(RoundTripError, match="refused"):
        measure(closed, 2, LOOPBACK)


def test_silence_ends():
    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    where = target(full)
    waiting = [socket.socket() for _ in range(4)]
    for one in waiting:
        one.setblocking(False)
        one.connect_ex(("127.0.0.1", where.port))
    with pytest.raises(RoundTripError, match="no answer within 2 s"):
        measure(where, 1, LOOPBACK)
    for one in (*waiting, full):
        one.close()


@pytest.mark.parametrize(
    ("times", "least"),
    [([5.0, 3.0, 4.0], 3.0), ([TimeoutError(), 3.0, 4.0], 3.0), ([5.0, 4.0, OSError()], 4.0)],
)
def test_the_quickest_connection_counts_and_one_that_fails_does_not(times, least):
    left = iter(times)

    def connect(family, address):
        assert (family, address) == (socket.AF_INET, ("10.0.0.2", 22))
        one = next(left)
        if isinstance(one, Exception):
            raise one
        return one

    box = Target(name="node/box-2", host="10.0.0.2", port=22)
    assert measure(box, 3, connect=connect) == least


@pytest.mark.parametrize("host", ["", "a" * 64 + ".example", "\x00", "ä" * 80])
def test_a_name_that_is_none(host):
    with pytest.raises(RoundTripError):
        measure(Target(name="x", host=host, port=1), 1)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "0.0.0.0", "0.1.2.3", "169.254.169.254", "224.0.0.1"),
        *("255.255.255.255", "240.0.0.1", "::", "::1", "fe80::1", "fe80::1%eth0", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.1.1"),
    ],
)
def test_an_address_that_means_the_box_or_its_link_is_refused(address):
    assert address in refused(address)


@pytest.mark.parametrize(
    "address",
    ["10.1.2.3", "192.168.0.7", "100.64.0.1", "203.0.113.9", "2001:db8::1", "fd00::7",
     "64:ff9b::a01:203", "::ffff:10.0.0.1"],
)  # fmt: skip
def test_others_are_fine(address):
    assert refused(address) is None


def test_only_the_networks_that_the_box_allows():
    networks = ("10.8.0.0/16", "fd00::/8")
    assert refused("10.8.3.7", networks) is None
    assert refused("fd00::7", networks) is None
    assert refused("::ffff:10.8.3.7", networks) is None
    assert "10.9.3.7" in refused("10.9.3.7", networks)
    assert "none of the networks" in refused("2001:db8::1", networks)


def test_the_kernel_is_asked_of_a_connection(server):
    with socket.create_connection(server.getsockname()) as connection:
        assert 0 < kernel_ms(connection) < 100
    assert kernel_ms(connection) is None  # it is closed
    with socket.socket(socket.AF_UNIX) as other:
        assert kernel_ms(other) is None
    with socket.socket() as fresh:
        assert kernel_ms(fresh) is None


class Told:
    """A connection of which the kernel tells so much."""

    def __init__(self, told):
        self.told = told

    def getsockopt(self, _level, _name, _size):
        return self.told


def info(rtt, least, size=232):
    data = bytearray(232)
    data[68:72] = rtt.to_bytes(4, "little")
    data[148:152] = least.to_bytes(4, "little")
    return Told(bytes(data[:size]))


def test_the_least_time_counts_and_the_smoothed_one_where_an_old_kernel_has_no_other():
    assert kernel_ms(info(9000, 5000)) == 5.0
    assert kernel_ms(info(9000, 0, size=104)) == 9.0
    assert kernel_ms(info(9000, 2**32 - 1)) == 9.0
    assert kernel_ms(info(0, 0)) is None
    assert kernel_ms(Told(b"")) is None


def test_what_was_measured_is_posted_and_what_was_not_too(server):
    posted = queue.Queue()
    start(MeasureRoundTrip(target(server), 1), LOOPBACK, posted.put)
    found = posted.get(timeout=5)
    assert (found.target, found.problem) == (target(server), "")
    assert found.ms > 0
    start(MeasureRoundTrip(target(server), 1), (), posted.put)
    found = posted.get(timeout=5)
    assert found.ms is None
    assert "127.0.0.1" in found.problem


def test_an_unforeseen_failure_is_posted_too(server):
    posted = queue.Queue()
    start(MeasureRoundTrip(target(server), 1), ("no network",), posted.put)
    assert posted.get(timeout=5).problem == "ValueError"
