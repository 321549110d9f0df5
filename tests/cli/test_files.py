"""The files of an apply: workloads as JSON beside compose files and documents."""

import json

import pytest
from tests.cli.samples import NOTHING

JOB = {"name": "depot-job", "project": "depot", "containers": [{"name": "a", "image": "x"}]}


def sent(skerry, hub, path, *words):
    hub.answers["POST /api/v1/apply"] = NOTHING
    skerry("apply", "-f", str(path), *words)
    return hub.asked[-1].body


@pytest.mark.parametrize(
    ("content", "workloads"),
    [(JOB, [JOB]), ([JOB, JOB], [JOB, JOB]), ({"workloads": [JOB]}, [JOB]), ([], None)],
)
def test_workloads_as_json_are_sent_as_such(skerry, hub, tmp_path, content, workloads):
    path = tmp_path / "jobs.json"
    path.write_text(json.dumps(content))
    body = sent(skerry, hub, path)
    assert (body["files"], body.get("workloads")) == ([], workloads)


@pytest.mark.parametrize("content", [{"services": {}}, {"kind": "Policy", "name": "eu"}])
def test_compose_and_documents_may_be_json_too(skerry, hub, tmp_path, content):
    path = tmp_path / "shop.json"
    path.write_text(json.dumps(content))
    body = sent(skerry, hub, path)
    assert [one["text"] for one in body["files"]] == [json.dumps(content)]
    assert "workloads" not in body


@pytest.mark.parametrize(("text", "words"), [("{", "is not JSON"), ("[" * 100_000, "is not JSON")])
def test_what_is_not_json_is_named(skerry, hub, tmp_path, text, words):
    path = tmp_path / "jobs.json"
    path.write_text(text)
    done = skerry("apply", "-f", str(path), code=1)
    assert done.err.startswith(f"skerry: {path}: {words}")
    assert hub.asked == []


def test_more_than_a_hub_takes_is_refused(skerry, hub, tmp_path):
    path = tmp_path / "jobs.json"
    path.write_bytes(b" " * (4 * 1024 * 1024 + 1))
    assert "larger than 4096 KiB" in skerry("apply", "-f", str(path), code=1).err
