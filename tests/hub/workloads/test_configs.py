"""Configs and secrets of compose files."""

import dataclasses

import pytest
from tests.hub.workloads.samples import (
    container,
    file,
    parse_text,
    problems,
    refusals,
    workload,
)

from skerry_hub.workloads.compose import SourceFile, parse
from skerry_hub.workloads.file_keys import FILE_OF_SERVICE
from skerry_wire.lifecycle import File, Sealed

TOP = """\
configs:
  app: {content: "a = $$1\\n"}
secrets:
  db: {external: true}
  token: {external: true, name: api-token}
"""
DB = Sealed(name="db")


def files(part):
    return container(part, TOP).files


def test_short_forms_have_the_usual_places_and_modes():
    assert files("configs: [app]\nsecrets: [db, token]") == (
        File(path="/app", content=b"a = $1\n", mode=0o444),
        File(path="/run/secrets/db", secret=DB, mode=0o400),
        File(path="/run/secrets/token", secret=Sealed(name="api-token"), mode=0o400),
    )


@pytest.mark.parametrize(
    ("written", "changes"),
    [
        ("target: /etc/db", {"path": "/etc/db"}),
        ("target: sub/db", {"path": "/run/secrets/sub/db"}),
        ("mode: 0440", {"mode": 0o440}),
        ('mode: "0o444"', {"mode": 0o444}),
        ('uid: "103", gid: 7', {"uid": 103, "gid": 7}),
    ],
)
def test_the_long_form(written, changes):
    usual = File(path="/run/secrets/db", secret=DB)
    assert files(f"secrets: [{{source: db, {written}}}]") == (
        dataclasses.replace(usual, **changes),
    )


@pytest.mark.parametrize(
    ("user", "owner"),
    [("1000:50", (1000, 50)), ("1000", (1000, 0)), ("www", (0, 0)), ("www:50", (0, 0))],
)
def test_files_belong_to_a_container_whose_user_is_a_number(user, owner):
    (found,) = files(f'user: "{user}"\nsecrets: [db]')
    assert (found.uid, found.gid) == owner


def test_variables_hold_secrets():
    found = container("x-secret-environment: {TOKEN: token, DB: db}", TOP)
    assert found.secret_environment == {"TOKEN": Sealed(name="api-token"), "DB": DB}


@pytest.mark.parametrize(
    ("part", "field", "reason"),
    [
        ("secrets: [nope]", "secrets[0]", "the secret 'nope' is not declared"),
        ("configs: [db]", "configs[0]", "the config 'db' is not declared"),
        ("secrets: [{target: /x}]", "secrets[0].source", "is missing"),
        ("secrets: [{source: db, target: /proc/x}]", "secrets[0].target", "is within /proc"),
        ("configs: [{source: app, target: /dev}]", "configs[0].target", "is within /dev"),
        ("configs: [{source: app, target: x}]", "configs[0].target", "not an absolute path"),
        ("secrets: [{source: db, target: ../x}]", "secrets[0].target", "without . or .."),
        ("secrets: [{source: db, mode: 440}]", "secrets[0].mode", "in octal"),
        ("secrets: [{source: db, mode: 04755}]", "secrets[0].mode", "in octal"),
        ("secrets: [{source: db, uid: root}]", "secrets[0].uid", "whole number"),
        ("secrets: [db, db]", "services.web", "mounts '/run/secrets/db' twice"),
        ("tmpfs: /app\nconfigs: [app]", "services.web", "mounts '/app' twice"),
        ("x-secret-environment: {TOKEN: x}", "x-secret-environment.TOKEN", "is not declared"),
        ("environment: {T: a}\nx-secret-environment: {T: db}", "x-secret-environment", "too"),
    ],
)
def test_what_is_wrong_is_told_where_it_stands(part, field, reason):
    found = refusals(part, TOP)
    assert [one[1] for one in found] == [field]
    assert reason in found[0][2]


@pytest.mark.parametrize(
    ("top", "field", "reason"),
    [
        ("secrets: {db: {file: ./db.txt}}", "secrets.db.file", "skerry secret create"),
        ("secrets: {db: {environment: DB}}", "secrets.db.environment", "is not supported"),
        ("secrets: {db: {}}", "secrets.db", "must have external: true"),
        ("secrets: {Db: {external: true}}", "secrets.Db", "not the name of a secret"),
        ("secrets: {db: {external: true, name: A}}", "secrets.db.name", "not the name"),
        ("configs: {app: {external: true}}", "configs.app.external", "the hub keeps no configs"),
        ("configs: {app: {content: $X}}", "configs.app.content", "variable"),
        ("configs: {app: {file: ./a}}", "configs.app.file", "did not come along"),
        ("configs: {app: {}}", "configs.app", "give it content"),
        ("configs: {app: {content: a, file: b}}", "configs.app", "must have one of"),
    ],
)
def test_what_is_declared_wrongly(top, field, reason):
    found = problems(file("", top))
    assert field in [one[1] for one in found]
    assert any(reason in one[2] for one in found), found


def test_files_that_come_along_are_contents():
    text = file("configs: [app]", "configs: {app: {file: ./app.conf}}")
    source = SourceFile("shop.yaml", text, "shop", attached={"./app.conf": b"\x00\xff"})
    (found,) = parse([source])
    assert found.workload.containers[0].files[0].content == b"\x00\xff"


def test_a_file_that_is_too_large_is_refused_by_number():
    text = file("configs: [app]", "configs: {app: {file: a}}")
    found = problems(text, attached={"a": b"x" * 65537})
    ((line, field, reason),) = found
    assert (line, field) == (5, "configs.app")
    assert reason.startswith("is 65537 bytes, more than 65536, which an order carries")
    assert "into the image, or into a volume" in reason


def test_secrets_are_found_again_by_the_places_of_the_record():
    text = file("configs: [app]\nsecrets:\n  - db\nx-secret-environment: {T: token}", TOP)
    (found,) = parse([SourceFile("shop.yaml", text, "shop")])
    parts = found.source.parts
    assert parts["containers[0].files[1]"] == ("services.web.secrets[0]", 6)
    assert parts["containers[0].secret_environment.T"] == (
        "services.web.x-secret-environment.T",
        7,
    )


def test_so_are_those_of_parts():
    side = "  side:\n    image: y\n    x-part-of: web\n    secrets: [db]\n"
    (found,) = parse([SourceFile("shop.yaml", file("", side + TOP), "shop")])
    assert found.source.parts["containers[1].files[0]"] == ("services.side.secrets[0]", 8)


def test_a_workload_without_any_is_as_it_was():
    assert parse_text(file("", TOP))[0] == workload("")
    assert "source" in FILE_OF_SERVICE.supported
