"""Ports: both forms, ranges, and what they reserve."""

import pytest
from tests.hub.workloads.samples import container, refusals, workload


def published(part):
    return [(p.host_ip, p.host, p.container, p.protocol) for p in container(part).ports]


@pytest.mark.parametrize(
    ("written", "ports"),
    [
        ('"8080:80"', [("", 8080, 80, "tcp")]),
        ("22:22", [("", 22, 22, "tcp")]),  # not the number that YAML 1.1 makes of it
        ("53:53/udp", [("", 53, 53, "udp")]),
        ("53:53/tcp", [("", 53, 53, "tcp")]),
        ("127.0.0.1:8080:80", [("127.0.0.1", 8080, 80, "tcp")]),
        ('"[0:0::1]:8080:80"', [("::1", 8080, 80, "tcp")]),
        ('"1-2:65534-65535"', [("", 1, 65534, "tcp"), ("", 2, 65535, "tcp")]),
        ("{target: 80, published: 8080}", [("", 8080, 80, "tcp")]),
        (
            '{target: "80", published: "53", protocol: udp, host_ip: 10.0.0.1, mode: host, x-a: 1}',
            [("10.0.0.1", 53, 80, "udp")],
        ),
    ],
)
def test_a_port(written, ports):
    assert published(f"ports: [{written}]") == ports


def test_what_ports_reserve():
    found = workload('ports: ["0.0.0.0:1:1", "2:2/udp", "127.0.0.1:3:3", "[::1]:4:4", "[::]:5:5"]')
    assert found.resources.ports == (
        "tcp/1",
        "udp/2",
        "tcp/127.0.0.1:3",
        "tcp/[::1]:4",
        "tcp/5",
    )


def test_one_number_may_serve_two_protocols_and_two_addresses():
    assert refusals('ports: ["1:1", "1:1/udp", "127.0.0.1:2:2", "127.0.0.2:2:2"]') == []


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("80", "publishes no port of the node"),
        ('"80/udp"', "publishes no port of the node"),
        ('"127.0.0.1::80"', "publishes no port of the node"),
        ('":80"', "publishes no port of the node"),
        ('"1:2:3:4"', "is not a port"),
        ('"0:80"', "is not a port"),
        ('"08:80"', "is not a port"),
        ('"65536:80"', "is not within 1 to 65535"),
        ('"5-4:1-2"', "is not within 1 to 65535"),
        ('"1-2:80"', "differ in length"),
        ('"1-300:1-300"', "more than 256 ports"),
        ('"1-65535:1-65535"', "more than 256 ports"),
        ('"80:80/sctp"', "tcp or udp"),
        ('"80:80/"', "tcp or udp"),
        ('"::1:80:80"', "publishes no port of the node"),
        ('"[::1:80:80"', "an IPv6 address is written"),
        ('"[fe80::1%eth0]:80:80"', "is not an IP address"),
        ('"host:80:80"', "is not an IP address"),
        ('"1.2.3.256:80:80"', "is not an IP address"),
        ('""', "publishes no port"),
        ("[80]", "must be a mapping"),
        ('"$PORT:80"', "has a variable"),
    ],
)
def test_what_is_no_port(written, reason):
    ((line, field, said),) = refusals(f"ports:\n  - {written}")
    assert (line, field) == (5, "ports[0]")
    assert reason in said


@pytest.mark.parametrize(
    ("written", "field", "reason"),
    [
        ("published: 1", "target", "is missing"),
        ("target: 1", "published", "is missing"),
        ("{target: 1, published: 1-2}", "published", "must be a whole number"),
        ("{target: 1, published: 1, protocol: sctp}", "protocol", "must be one of tcp, udp"),
        ("{target: 1, published: 1, mode: ingress}", "mode", "no load balancing"),
        ("{target: 1, published: 1, name: web}", "name", "is not supported"),
        ("{target: 1, published: 1, host_ip: x}", "host_ip", "is not an IP address"),
        ("{target: 1, published: 1, port: 2}", "port", "is not a key of a port"),
    ],
)
def test_what_is_no_long_port(written, field, reason):
    ((_, at, said),) = refusals(f"ports:\n  - {written}")
    assert at == f"ports[0].{field}"
    assert reason in said


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("1:1", "1:2", "tcp/1"),
        ("1:1", "127.0.0.1:1:1", "tcp/127.0.0.1:1"),
        ("127.0.0.1:1:1", "0.0.0.0:1:1", "tcp/1"),
        ("1-3:1-3", "3-4:3-4", "tcp/3"),
    ],
)
def test_a_port_twice(first, second, words):
    assert refusals(f'ports: ["{first}", "{second}"]') == [
        (4, "ports[1]", f"{words} is published twice")
    ]


def test_more_ports_than_a_container_may_have():
    assert refusals('ports: ["1-200:1-200", "201-300:201-300"]') == [
        (4, "ports", "publishes more than 256 ports")
    ]


@pytest.mark.parametrize("mode", ["host", "none"])
def test_a_network_without_published_ports(mode):
    assert refusals(f'network_mode: {mode}\nports: ["1:1"]') == [
        (5, "ports", f"cannot be published with network_mode: {mode}")
    ]
