"""Completion: the scripts, and what a shell is told while a person types."""

import socket

import pytest
from tests.cli.samples import DEVICES, INSTANCE, LOST, NODE, POLICY, WORKLOAD

from skerry_cli.main import COMMANDS


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell(skerry, hub, shell):
    out = skerry("completion", shell).out
    assert f"_SKERRY_COMPLETE={shell}_complete" in out
    assert hub.asked == []


def test_an_unknown_shell_is_wrong_usage(skerry):
    assert "tcsh" in skerry("completion", "tcsh", code=2).err


def complete(skerry, line, **environment):
    words = line.split(" ")
    done = skerry(
        _SKERRY_COMPLETE="bash_complete",
        COMP_WORDS=line,
        COMP_CWORD=str(len(words) - 1),
        **environment,
    )
    assert done.err == ""
    return [found.split(",", 1)[1] for found in done.out.splitlines() if found]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("skerry ", list(COMMANDS)),
        ("skerry de", ["describe", "delete"]),
        (
            "skerry get ",
            [
                *(
                    "nodes",
                    "workloads",
                    "instances",
                    "events",
                    "devices",
                    "round-trips",
                    "decisions",
                ),
                *("policies", "prices", "datasets", "endpoints", "reservations", "windows"),
            ],
        ),
        ("skerry get policies ", ["eu-only"]),
        ("skerry describe policy e", ["eu-only"]),
        ("skerry delete policy ", ["eu-only"]),
        ("skerry delete p", ["policy", "prices"]),
        ("skerry get nodes ", ["box-1", "box-2", "pier", "quay"]),
        ("skerry get no box", ["box-1", "box-2"]),
        ("skerry describe workload s", ["shop-web"]),
        ("skerry describe instance ", ["shop-web-0"]),
        ("skerry delete node q", ["quay"]),
        ("skerry wait workload ", ["shop-web"]),
        ("skerry explain ", ["shop-web"]),
        ("skerry node c", ["certificates"]),
        ("skerry node adopt p", ["pier"]),
        ("skerry node probe pier q", ["quay"]),
        ("skerry label node ", ["box-1", "box-2", "pier", "quay"]),
        ("skerry get devices box-2", ["box-2/camera/video0"]),
        ("skerry get devices --kind c", ["camera", "can"]),
        ("skerry get devices --kind gpu,nic,vp", ["gpu,nic,vpu"]),
        ("skerry get nodes -o ", ["wide", "json", "yaml", "name"]),
    ],
)
def test_commands_and_names_are_completed(skerry, hub, line, found):
    hub.answers |= {
        "GET /api/v1/nodes": [NODE, LOST],
        "GET /api/v1/workloads": [WORKLOAD],
        "GET /api/v1/instances": [INSTANCE],
        "GET /api/v1/devices": DEVICES,
        "GET /api/v1/documents": lambda asked: {
            "items": [POLICY] if asked.query == {"kind": "Policy"} else []
        },
    }
    assert complete(skerry, line) == found


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "nonsense", "silent"])
def test_a_hub_that_does_not_answer_completes_nothing_silently(skerry, url):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}" if url == "silent" else url
        assert complete(skerry, "skerry get nodes ", SKERRY_HUB=url) == []


def test_names_that_could_steer_a_shell_are_not_completed(skerry, hub):
    hub.answers["GET /api/v1/nodes"] = {
        "items": [{"id": 5}],
    }
    assert complete(skerry, "skerry get nodes ") == []
