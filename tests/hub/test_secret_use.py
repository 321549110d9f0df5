"""What a secret's change means for workloads."""

import dataclasses

import pytest
from tests.hub.records import NOW, kept, work_on, workload

from skerry_hub import secret_use
from skerry_hub.secret_records import (
    KEPT_VERSIONS,
    MAX_SECRETS,
    MAX_VERSIONS,
    Secret,
    SecretVersion,
    registry_secret,
)
from skerry_hub.state import Known
from skerry_hub.work import RefusedError
from skerry_hub.workloads.source import Source
from skerry_wire.lifecycle import Sealed


def version(number):
    return SecretVersion(id=f"{number:016x}", at=NOW, size_bytes=1, locked=b"x")


def using(name, secret="db", at=""):
    found = workload(name)
    sealed = Sealed(name=secret, version=at)
    one = dataclasses.replace(found.containers[0], secret_environment={"TOKEN": sealed})
    return dataclasses.replace(found, containers=(one,))


@pytest.fixture
def known():
    known = Known()
    known.secrets = {}
    return known


def put(known, number, name="db", registry=""):
    work = work_on(known)
    secret_use.put(work, name, registry, version(number))
    known.settle(work.draft)
    return known.secrets[name]


def ids(secret):
    return [int(one.id, 16) for one in secret.versions]


def test_workloads_get_the_newest_version_whatever_they_say(known):
    put(known, 1)
    put(known, 2)
    (found,) = secret_use.with_versions(work_on(known), [using("a-b", at="9" * 16)], {})
    sealed = found.containers[0].secret_environment["TOKEN"]
    assert sealed == Sealed(name="db", version=version(2).id)


def test_a_name_that_is_none_is_told_where_it_is_written(known):
    parts = {"containers[0].secret_environment.TOKEN": ("services.b.secrets[0]", 7)}
    sources = {"a-b": Source(file="a.yaml", line=3, field="services.b", parts=parts)}
    with pytest.raises(RefusedError) as raised:
        secret_use.with_versions(work_on(known), [using("a-b")], sources)
    (problem,) = raised.value.problems
    assert (problem.file, problem.line, problem.field) == ("a.yaml", 7, "services.b.secrets[0]")


def test_where_no_secrets_are_kept_names_stay_names():
    work = work_on(Known())
    assert secret_use.with_versions(work, [using("a-b")], {}) == (using("a-b"),)
    with pytest.raises(RefusedError, match="no secrets"):
        secret_use.put(work, "db", "", version(1))


def test_old_versions_stay_while_they_are_used_and_the_newest_anyway(known):
    put(known, 1)
    known.workloads["a-b"] = dataclasses.replace(
        kept("a-b"), workload=using("a-b", at=version(1).id)
    )
    for number in range(2, 10):
        put(known, number)
    assert ids(known.secrets["db"]) == [1, *range(9 - KEPT_VERSIONS, 10)]


def test_too_many_versions_in_use_are_refused(known):
    secret = Secret(name="db", versions=tuple(map(version, range(MAX_VERSIONS))))
    known.secrets["db"] = secret
    for number in range(MAX_VERSIONS):
        name = f"a-{number}"
        found = using(name, at=version(number).id)
        known.workloads[name] = dataclasses.replace(kept(name), workload=found)
    with pytest.raises(RefusedError, match="in use"):
        put(known, MAX_VERSIONS)
    assert known.secrets["db"] is secret


def test_too_many_secrets_are_refused(known):
    known.secrets |= {f"s-{n}": Secret(name=f"s-{n}", versions=(version(n),)) for n in range(1000)}
    assert len(known.secrets) == MAX_SECRETS
    with pytest.raises(RefusedError, match="1000 secrets"):
        put(known, 1)


def test_a_secret_that_is_used_stays(known):
    put(known, 1)
    known.workloads["a-b"] = dataclasses.replace(kept("a-b"), workload=using("a-b"))
    with pytest.raises(RefusedError, match="used by a-b"):
        secret_use.delete(work_on(known), "db")
    with pytest.raises(RefusedError, match="no secret none"):
        secret_use.delete(work_on(known), "none")


def test_registries_with_alike_hosts_have_names_of_their_own():
    hosts = ["a.b", "a-b", "a:1", "a.1", "x" * 250, "x" * 251, "docker.io"]
    names = {registry_secret(host) for host in hosts}
    assert len(names) == len(hosts)
    assert all(len(name) <= 63 for name in names)


def test_a_registrys_name_is_no_other_secrets(known):
    put(known, 1, name="r", registry="registry.example")
    with pytest.raises(RefusedError, match="taken"):
        put(known, 2, name="r")
