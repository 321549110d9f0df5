"""`skerry logs` against the canned hub."""

import base64
import dataclasses
import json
import signal

import pytest
from tests.cli.canned import Raw, problems
from tests.cli.samples import BROKEN, CONTENT, DETAIL, INSTANCE
from tests.cli.test_named_instances import listed

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n"
END = {"end": True, "error": None, "exit_code": None}


def answer(*pieces, end=END, **more):
    """Return lines as the hub sends them: pieces are bytes, or a stream with them."""
    lines = b""
    for piece in pieces:
        stream, data = piece if isinstance(piece, tuple) else ("out", piece)
        plain = {"stream": stream, "data": base64.b64encode(data).decode()}
        lines += json.dumps(plain).encode() + b"\n\n"
    if end is not None:
        lines += json.dumps(end).encode() + b"\n"
    return Raw(HEAD + lines, **more)


LOGS = "/api/v1/instances/{}/logs"


@pytest.fixture
def shop(hub):
    hub.answers["GET /api/v1/instances"] = listed
    hub.answers["GET /api/v1/workloads/shop-web"] = DETAIL
    hub.answers["GET " + LOGS.format("shop-web-0")] = answer(b"one\n", ("err", b"two\n"))
    hub.answers["GET " + LOGS.format("shop-web-1")] = answer(b"three")
    return hub


def test_the_log_of_one_instance(skerry, shop):
    words = ("-c", "web", "--tail", "5", "--since", "10m")
    done = skerry("logs", "shop-web-0", *words)
    assert (done.out, done.err) == ("one\n", "two\n")
    assert shop.asked[-1].query == {
        "container": "web", "tail": "5", "since_s": "600.0", "within_s": "300.0",
    }  # fmt: skip


def test_of_several_each_line_says_whose_it_is(skerry, shop):
    done = skerry("logs", "shop-web")
    assert sorted(done.out.splitlines()) == ["shop-web-0 | one", "shop-web-1 | three"]
    assert done.err == "shop-web-0 | two\n"
    assert "shop-web-0 | one" in skerry("logs", "shop-web-0", "--prefix").out
    assert "one\n" in skerry("logs", "shop-web", "--no-prefix").out


def test_one_that_fails_does_not_silence_the_others(skerry, shop):
    shop.answers["GET " + LOGS.format("shop-web-1")] = problems(
        409, {"reason": "pier is unreachable: it must be online for this"}
    )
    done = skerry("logs", "shop-web", code=1)
    assert "shop-web-0 | one" in done.out
    assert "skerry: shop-web-1: pier is unreachable: it must be online" in done.err


def test_what_ends_with_an_error_is_told(skerry, shop):
    cut = {**END, "error": "it is cut off here, after 4194304 bytes"}
    shop.answers["GET " + LOGS.format("shop-web-0")] = answer(b"one\n", end=cut)
    done = skerry("logs", "shop-web-0", code=1)
    assert done.out == "one\n"
    assert done.err == "skerry: shop-web-0: it is cut off here, after 4194304 bytes\n"
    shop.answers["GET " + LOGS.format("shop-web-0")] = answer(b"one\n", end=None)
    assert "before it was whole" in skerry("logs", "shop-web-0", code=1).err


def test_too_many_instances_are_refused(skerry, shop):
    shop.answers["GET /api/v1/instances"] = [
        {**listed_as(BROKEN), "id": f"shop-web-{number}"} for number in range(20)
    ]
    shop.answers["GET /api/v1/instances"] = {"items": shop.answers["GET /api/v1/instances"]}
    assert "these are 20 instances; at most 16" in skerry("logs", "shop-web", code=2).err


def listed_as(instance):
    return {
        "id": instance.id, "workload": "shop-web", "revision": "0" * 16, "node": "box-1",
        "hostname": "quay", "state": "running",
    }  # fmt: skip


def test_ctrl_c_ends_what_is_followed(start, shop):
    shop.answers["GET " + LOGS.format("shop-web-0")] = answer(b"one\n", end=None, hold_s=20)
    process = start("logs", "-f", INSTANCE.id)
    assert process.stdout.readline() == "one\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    query = {"follow": "true", "tail": "100", "within_s": "3600.0"}
    assert shop.asked[-1].query == query


def of_two(hub, *names):
    """Have the workload consist of several containers, the first of which prepares the others."""
    first, *others = (
        dataclasses.replace(CONTENT.containers[0], name=name, restart="always") for name in names
    )
    containers = (dataclasses.replace(first, restart="no"), *others)
    content = dataclasses.replace(CONTENT, containers=containers)
    hub.answers["GET /api/v1/workloads/shop-web"] = dataclasses.replace(DETAIL, content=content)


def asked_tails(hub):
    return [one.query.get("tail") for one in hub.asked if one.path.endswith("/logs")]


def test_the_end_of_a_log_is_shown_and_that_there_is_more(skerry, shop):
    shop.answers["GET " + LOGS.format("shop-web-0")] = answer(b"x\n" * 100)
    done = skerry("logs", "shop-web-0")
    assert "shop-web-0: only the last 100 lines; --tail all" in done.err
    assert skerry("logs", "shop-web-0", "--tail", "all").err == ""
    assert skerry("logs", "shop-web-0", "--since", "1h").err == ""
    assert skerry("logs", "shop-web-0", "--tail", "100").err == ""
    assert asked_tails(shop) == ["100", None, None, "100"]


@pytest.mark.parametrize("tail", ["some", "-1", "100001", "1e3"])
def test_a_tail_that_is_none(skerry, shop, tail):
    assert "is neither a number" in skerry("logs", "shop-web-0", f"--tail={tail}", code=2).err


def test_of_several_containers_the_first_that_lasts_is_shown_and_named(skerry, shop):
    of_two(shop, "migrate", "web", "db")
    done = skerry("logs", "shop-web-0")
    assert "skerry: shown is web of migrate, web, db: -c NAME for another, --all" in done.err
    assert shop.asked[-1].query["container"] == "web"
    assert "shown is" not in skerry("logs", "shop-web-0", "-c", "db").err
    assert shop.asked[-1].query["container"] == "db"


def test_all_containers_are_shown_side_by_side(skerry, shop):
    of_two(shop, "migrate", "web")
    done = skerry("logs", "shop-web-0", "--all-containers")
    assert sorted(done.out.splitlines()) == [
        "shop-web-0/migrate | one",
        "shop-web-0/web     | one",
    ]
    wrong = skerry("logs", "shop-web-0", "-c", "b", "--all-containers", code=2)
    assert "exclude each other" in wrong.err
    of_two(shop, *(f"c{number}" for number in range(9)))
    done = skerry("logs", "shop-web", "--all-containers", code=2)
    assert "these are 18 logs; at most 16" in done.err


def test_the_log_of_an_instance_whose_workload_was_deleted(skerry, shop):
    gone = problems(404, {"reason": "there is no workload shop-web", "field": "name"})
    shop.answers["GET /api/v1/workloads/shop-web"] = gone
    assert skerry("logs", "shop-web-0").out == "one\n"


def test_a_closed_pipe_ends_all_readers_silently(start, shop):
    shop.answers["GET " + LOGS.format("shop-web-0")] = answer(*[b"one\n" * 1000] * 200)
    shop.answers["GET " + LOGS.format("shop-web-1")] = Raw(HEAD, hold_s=30)
    process = start("logs", "-f", "shop-web")
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(10) == 141
    assert process.stderr.read() == ""
