"""`skerry exec` against the canned hub."""

import pytest
from tests.cli.canned import problems
from tests.cli.test_logs import END, answer
from tests.cli.test_named_instances import listed

EXEC = "POST /api/v1/instances/shop-web-0/exec"


@pytest.fixture
def shop(hub):
    hub.answers["GET /api/v1/instances"] = listed
    hub.answers[EXEC] = answer(b"out", ("err", b"err"), end={**END, "exit_code": 7})
    return hub


def test_output_and_exit_status_are_the_commands(skerry, shop):
    done = skerry("exec", "shop-web-0", "-c", "web", "--timeout", "5s", "--", "ls", "-l", code=7)
    assert (done.out, done.err) == ("out", "err")
    assert shop.asked[-1].body == {
        "command": ["ls", "-l"], "container": "web", "within_s": 5.0,
    }  # fmt: skip


def test_what_could_not_be_run_is_told(skerry, shop):
    shop.answers[EXEC] = answer(end={**END, "error": "/nothere: no such file"})
    assert skerry("exec", "shop-web-0", "--", "/nothere", code=1).err == (
        "skerry: shop-web-0: /nothere: no such file\n"
    )
    shop.answers[EXEC] = problems(403, {"reason": "quay does not allow exec"})
    assert "quay does not allow exec" in skerry("exec", "shop-web-0", "--", "ls", code=1).err


def test_one_instance_is_meant(skerry, shop):
    assert "name one of them" in skerry("exec", "shop-web", "--", "ls", code=1).err
    assert "Missing argument" in skerry("exec", "shop-web-0", code=2).err
