"""`skerry registry`: what is listed and forgotten; to log in is in test_secret."""

import dataclasses

from tests.cli.test_secret import SECRET

FOUND = dataclasses.replace(SECRET, registry="r.example:5000")


def test_registries_are_listed(skerry, hub):
    hub.answers["GET /api/v1/registries"] = [FOUND]
    heading, row = skerry("registry", "list").out.splitlines()
    assert heading.split() == ["REGISTRY", "VERSION", "WORKLOADS", "UPDATED"]
    assert row.split() == ["r.example:5000", "ab" * 8, "1", "60s"]
    assert skerry("registry", "list", "-o", "name").out == "registry/r.example:5000\n"
    assert skerry("registry", "list", "-o", "name").out == "registry/r.example:5000\n"
    assert "version: " in skerry("registry", "list", "-o", "yaml").out
    hub.answers["GET /api/v1/registries"] = []
    assert skerry("registry", "list").err == "there are credentials for no registry\n"


def test_credentials_are_forgotten(skerry, hub):
    hub.answers["DELETE /api/v1/registries/r.example%3A5000"] = FOUND
    done = skerry("registry", "logout", "r.example:5000")
    assert done.out == "registry/r.example:5000 has no credentials any more\n"


def test_a_password_that_is_no_text_is_refused(skerry, hub):
    words = ("registry", "login", "r", "--username", "u", "--password-stdin")
    assert "not a text" in skerry(*words, data=b"\xff", code=2).err
    assert hub.asked == []
