"""`skerry plan --out` and `skerry apply --plan`: what is saved, sent and refused."""

import dataclasses
import json
import stat

import pytest
from tests.cli.canned import plain, problems
from tests.cli.samples import CREATED, UNPLACED

from skerry_hub.model import Part
from skerry_hub.views import Basis

TEXT = "services:\n  web: {image: x}\n"
BASIS = Basis(inputs="a" * 32, sections={"nodes": "b" * 16}, outcome="c" * 32)
SCORES = {
    "spread": Part(value=1.0, weight=80, points=80.0),
    "quiet": Part(value=0.5, weight=5, points=2.5),
}
STEP = dataclasses.replace(CREATED.changes[0], score=0.8251, scores=SCORES)
PLANNED = dataclasses.replace(CREATED, changes=(STEP,), basis=BASIS)
STALE = problems(
    409, {"reason": "the plan is stale: node box-3 changed: labels", "field": "basis.inputs"}
)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "shop" / "shop.yaml"
    path.parent.mkdir()
    path.write_text(TEXT)
    return str(path)


@pytest.fixture
def saved(skerry, hub, file, tmp_path):
    hub.answers["POST /api/v1/plan"] = PLANNED
    skerry("plan", "-f", file, "--prune", "--out", str(tmp_path / "shop.plan"))
    return tmp_path / "shop.plan"


def test_a_plan_shows_the_scores_and_what_makes_them_up(skerry, hub, file):
    hub.answers["POST /api/v1/plan"] = PLANNED
    out = skerry("plan", "-f", file).out
    assert "  + shop-web-0 on box-1  score 0.825 (spread 80 of 80, quiet 2.5 of 5)\n" in out
    assert "inputs" not in out
    assert f"decided from inputs {'a' * 32}\n" in skerry("plan", "-f", file, "-v").out
    step = json.loads(skerry("plan", "-f", file, "-o", "json").out)["changes"][0]
    assert step["score"] == 0.8251
    assert step["scores"]["quiet"] == {"value": 0.5, "weight": 5, "points": 2.5}


def test_a_plan_is_saved_for_its_owner_alone(saved, hub):
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    content = json.loads(saved.read_text())
    assert content["request"]["files"][0]["text"] == TEXT
    assert content["answer"] == plain(PLANNED)
    assert content["hub"] == hub.url
    assert [one.name for one in saved.parent.iterdir() if one.name.startswith(".")] == []


def test_an_apply_sends_what_was_planned_and_its_basis(skerry, hub, saved, file):
    hub.answers["POST /api/v1/apply"] = PLANNED
    done = skerry("apply", "--plan", str(saved))
    assert done.out.startswith("workload/shop-web created\n")
    assert hub.asked[-1].body == {
        "files": [{"name": file, "project": "shop", "text": TEXT}],
        "prune": True,
        "basis": plain(BASIS),
    }
    skerry("apply", "--plan", str(saved), "--same-outcome")
    assert hub.asked[-1].body["only_outcome"] is True


def test_a_stale_plan_exits_6_and_says_what_changed(skerry, hub, saved):
    hub.answers["POST /api/v1/apply"] = STALE
    done = skerry("apply", "--plan", str(saved), code=6)
    assert done.err == ("skerry: basis.inputs: the plan is stale: node box-3 changed: labels\n")


def test_a_conflict_without_a_plan_is_an_error(skerry, hub, file):
    hub.answers["POST /api/v1/apply"] = problems(409, {"reason": "belongs to another project"})
    skerry("apply", "-f", file, code=1)


def test_what_a_plan_does_not_place_exits_3(skerry, hub, file, tmp_path):
    hub.answers["POST /api/v1/plan"] = dataclasses.replace(UNPLACED, basis=BASIS)
    skerry("plan", "-f", file, "--out", str(tmp_path / "p"), code=3)
    assert (tmp_path / "p").exists()


def test_a_hub_that_tells_no_basis_has_no_plans_in_files(skerry, hub, file, tmp_path):
    hub.answers["POST /api/v1/plan"] = CREATED
    assert "older hub" in skerry("plan", "-f", file, "--out", str(tmp_path / "p"), code=1).err
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["--plan", "p", "-f", "x"],
        ["--plan", "p", "--prune"],
        ["--plan", "p", "-p", "shop"],
        ["-f", "x", "--same-outcome"],
    ],
)
def test_a_plan_has_everything_in_it(skerry, hub, words):
    assert "Usage:" in skerry("apply", *words, code=2).err
    assert hub.asked == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        ("{", "is no plan"),
        ("[" * 100_000, "is no plan"),
        ("[]", "is no plan"),
        ('{"services": {}}', "is no plan"),
        ('{"plan": 2}', "is of format 2, and this version reads 1"),
        ('{"plan": 1, "request": {}}', "is damaged"),
        ('{"plan": 1, "request": {}, "answer": {}}', "is damaged"),
        ('{"plan": 1, "request": [], "answer": {"basis": {}}}', "is damaged"),
    ],
)
def test_what_is_no_plan_is_named(skerry, hub, tmp_path, content, words):
    path = tmp_path / "p"
    if content is not None:
        path.write_text(content)
    done = skerry("apply", "--plan", str(path), code=2)
    assert done.err.startswith(f"skerry: {path}: ")
    assert words in done.err
    assert hub.asked == []


def test_a_place_that_cannot_be_written_is_named(skerry, hub, file, tmp_path):
    hub.answers["POST /api/v1/plan"] = PLANNED
    out = str(tmp_path / "none" / "p")
    assert f"skerry: {out}: No such file" in skerry("plan", "-f", file, "--out", out, code=2).err


def test_what_writes_a_plan_is_named_by_what_reads_it(skerry, tmp_path):
    path = tmp_path / "p"
    path.write_text("[]")
    for command, writes in (("apply --plan", "plan"), ("rebalance --apply", "rebalance")):
        done = skerry(*command.split(), str(path), code=2)
        assert done.err == f"skerry: {path}: is no plan that `skerry {writes} --out` wrote\n"
