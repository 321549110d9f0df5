"""Several containers in one workload, and the order in which they start."""

import pytest
from tests.hub.workloads.samples import parse_text, problems

from skerry_wire.lifecycle import After

FILE = """\
services:
  web:
    image: web
    depends_on: {db: {condition: service_healthy},
                 set-up: {condition: service_completed_successfully}}
    deploy: {replicas: 2, resources: {reservations: {memory: 64M}}}
    x-lifecycle: {stopAfter: 60s}
  db:
    image: db
    x-part-of: web
    network_mode: service:web
    healthcheck: {x-tcp: {port: 5432}}
    deploy: {resources: {reservations: {memory: 128M, cpus: 0.5}}}
  set-up:
    image: set-up
    x-part-of: web
    restart: "no"
    depends_on: [db]
  other:
    image: other
"""


def test_parts_are_containers_of_the_service_that_they_name():
    web, other = parse_text(FILE)
    assert [one.name for one in web.containers] == ["web", "db", "set-up"]
    assert web.containers[0].after == (
        After(container="db", condition="healthy"),
        After(container="set-up", condition="completed"),
    )
    assert (web.resources.memory_bytes, web.resources.cpu_milli) == (192 * 2**20, 500)
    assert (web.replicas, web.lifecycle.lease_s, web.lifecycle.shared_network) == (2, 60.0, True)
    assert (other.name, len(other.containers)) == ("shop-other", 1)
    assert not other.lifecycle.shared_network


@pytest.mark.parametrize(
    ("before", "after", "line", "field", "reason"),
    [
        ("x-part-of: web\n    net", "x-part-of: nobody\n    net", 10, "x-part-of", "not another"),
        ("network_mode: service:web", "network_mode: service:other", 11, "network_mode", "needs"),
        ("    deploy: {resources: {reservations: {memory: 128M", "    deploy: {replicas: 2, "
         "resources: {reservations: {memory: 128M", 13, "deploy.replicas", "is said by web"),
        ("    restart: \"no\"", "    scale: 1\n    restart: \"no\"", 17, "scale", "said by web"),
        ("    restart: \"no\"\n", "", 4, "depends_on", "'set-up' never completes"),
        ("    healthcheck: {x-tcp: {port: 5432}}\n", "", 4, "depends_on",
         "'db' has no health check"),
        ("    depends_on: [db]", "    depends_on: [web]", 4, "depends_on", "waits, in turn, for"),
        ("    image: other", "    image: other\n    depends_on: [web]", 21, "depends_on",
         "is not a container of the same workload"),
        ("image: set-up\n    x-part-of: web", "image: set-up\n    x-part-of: db", 16, "x-part-of",
         "'db' is itself a part"),
    ],
)  # fmt: skip
def test_what_is_no_part(before, after, line, field, reason):
    assert before in FILE
    found = problems(FILE.replace(before, after, 1))
    assert [(at, where.partition(".")[2].partition(".")[2]) for at, where, said in found
            if reason in said][:1] == [(line, field)]  # fmt: skip


def test_ports_of_one_instance_are_published_once():
    text = FILE.replace("image: web", "image: web\n    ports: ['80:80']")
    text = text.replace(
        "x-part-of: web\n    restart", "x-part-of: web\n    ports: ['80:81']\n    restart"
    )
    ((_, field, reason),) = problems(text)
    assert field == "services.set-up.ports"
    assert "published twice" in reason
