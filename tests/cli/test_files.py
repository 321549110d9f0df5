"""The files of an apply: workloads as JSON beside compose files and documents."""

import json

import pytest
from tests.cli.canned import problems
from tests.cli.samples import NOTHING

from skerry_cli.failures import Failure
from skerry_cli.files import asked_of

JOB = {"name": "depot-job", "project": "depot", "containers": [{"name": "a", "image": "x"}]}


def sent(skerry, hub, path, *words):
    hub.answers["POST /api/v1/apply"] = NOTHING
    skerry("apply", "-f", str(path), *words)
    return hub.asked[-1].body


@pytest.mark.parametrize(
    ("content", "workloads"),
    [(JOB, [JOB]), ([JOB, JOB], [JOB, JOB]), ({"workloads": [JOB]}, [JOB])],
)
def test_workloads_as_json_are_sent_as_such(skerry, hub, tmp_path, content, workloads):
    path = tmp_path / "jobs.json"
    path.write_text(json.dumps(content))
    body = sent(skerry, hub, path)
    assert (body["files"], body.get("workloads")) == ([], workloads)


@pytest.mark.parametrize("content", [[], {"workloads": []}])
def test_a_file_of_no_workloads_is_named(skerry, hub, tmp_path, content):
    path = tmp_path / "jobs.json"
    path.write_text(json.dumps(content))
    assert skerry("apply", "-f", str(path), code=2).err == f"skerry: {path}: holds no workloads\n"
    assert hub.asked == []


@pytest.mark.parametrize("content", [{"services": {}}, {"kind": "Policy", "name": "eu"}])
def test_compose_and_documents_may_be_json_too(skerry, hub, tmp_path, content):
    path = tmp_path / "shop.json"
    path.write_text(json.dumps(content))
    body = sent(skerry, hub, path)
    assert [one["text"] for one in body["files"]] == [json.dumps(content)]
    assert "workloads" not in body


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[\n\n{", "3: is not JSON: Expecting property name"),
        ("[" * 100_000, " is not JSON"),
        ('{"a": {"b": 1,\n"b": 2}}', "2: the key 'b' is given twice in one object"),
        ('[{"a": "b"}, {"a": [{"c": 1}],\n\n"\\u0061": ":"}]', "3: the key 'a' is given twice"),
        ('[{"a": 1,\n"b": [NaN]}]', "2: NaN is not a number of JSON"),
        ('[{"NaN": 1,\n"b": -Infinity}]', "2: -Infinity is not a number of JSON"),
        ("[\ud800]", " is not JSON"),
    ],
)
def test_what_is_not_json_is_named(skerry, hub, tmp_path, text, words):
    path = tmp_path / "jobs.json"
    path.write_text(text, errors="surrogatepass")
    done = skerry("apply", "-f", str(path), code=2)
    assert done.err.startswith(f"skerry: {path}:{words}")
    assert hub.asked == []


def test_more_than_a_hub_takes_is_refused(skerry, hub, tmp_path):
    path = tmp_path / "jobs.json"
    path.write_bytes(b" " * (4 * 1024 * 1024 + 1))
    assert "larger than 4096 KiB" in skerry("apply", "-f", str(path), code=2).err


@pytest.mark.parametrize("words", [["apply"], ["apply", "--dry-run"], ["plan"], ["delete", "-y"]])
def test_what_is_wrong_with_a_workload_is_told_by_line(skerry, hub, tmp_path, words):
    first, second = tmp_path / "one.json", tmp_path / "two.json"
    first.write_text(json.dumps(JOB))
    second.write_text(json.dumps([JOB, JOB], indent=1))
    problem = {"reason": "is empty", "field": "workloads[2].containers[0].image"}
    for verb in ("apply", "plan"):
        hub.answers[f"POST /api/v1/{verb}"] = problems(400, problem)
    done = skerry(*words, "-f", str(first), "-f", str(second), code=2)
    assert done.err == f"{second}:18: [1].containers[0].image: is empty\n"


def test_files_of_configs_come_along(tmp_path):
    (tmp_path / "app.conf").write_bytes(b"\x00a")
    text = "configs:\n  app: {file: ./app.conf}\n  b: {content: x}\nservices: {}\n"
    (tmp_path / "shop.yaml").write_text(text)
    (found,) = asked_of([str(tmp_path / "shop.yaml")], None).body["files"]
    assert found["attached"] == {"./app.conf": "AGE="}


def test_a_file_of_a_config_that_is_not_there_is_told(tmp_path):
    (tmp_path / "shop.yaml").write_text("configs: {app: {file: nope}}\n")
    with pytest.raises(Failure, match="nope: No such file"):
        asked_of([str(tmp_path / "shop.yaml")], None)


@pytest.mark.parametrize("text", ["configs: [\n", "configs: x\n", "services: {}\n", "configs:\n"])
def test_what_is_wrong_with_a_file_is_the_hubs_to_say(tmp_path, text):
    (tmp_path / "shop.yaml").write_text(text)
    (found,) = asked_of([str(tmp_path / "shop.yaml")], None).body["files"]
    assert "attached" not in found
