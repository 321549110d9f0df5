"""Files and secrets of containers, opened and given."""

import pathlib

import pytest
from nacl.public import PublicKey, SealedBox
from tests.executor.fake_runtime import FakeRuntime
from tests.executor.orders import IMAGE, container, instance, order

from skerry_executor.actual import Phase
from skerry_executor.cancel import Cancel
from skerry_executor.contents import Contents
from skerry_executor.converge import Convergence
from skerry_executor.runtimes.base import Credentials, Failure, RuntimeFailure
from skerry_executor.sealing import load_or_make
from skerry_executor.specs import spec_of
from skerry_wire.lifecycle import File, Sealed
from skerry_wire.messages import InstanceState

PLAIN = b"tr0ub4dor"


@pytest.fixture
def contents(tmp_path):
    return Contents(tmp_path)


@pytest.fixture
def seal(tmp_path):
    key = load_or_make(tmp_path)

    def sealed(content=PLAIN, name="db", version="1a"):
        box = SealedBox(PublicKey(key.public)).encrypt(content)
        return Sealed(name=name, version=version, box=box)

    return sealed


class Quiet:
    def progress(self, outcome):
        pass

    def watch(self, watched):
        pass


def converged(runtime, contents, *instances):
    work = Convergence(
        order(*instances), "d" * 64, runtime, Cancel(), Quiet(), lambda _: None, contents=contents
    )
    return work.run()


def test_a_container_without_any_is_given_as_it_is(contents):
    plain = container()
    assert contents.given(instance(containers=[plain]), plain) is plain


def test_files_are_mounted_read_only_and_secrets_stand_in_the_environment(contents, seal):
    made = container(
        environment={"A": "1"},
        files=(File(path="/etc/a", content=b"plain"), File(path="/run/db", secret=seal())),
        secret_environment={"TOKEN": seal(b"t\xc3\xb6ken")},
    )
    given = contents.given(instance(containers=[made]), made)
    assert [(one.kind, one.target, one.read_only) for one in given.mounts] == [
        ("bind", "/etc/a", True),
        ("bind", "/run/db", True),
    ]
    read = [pathlib.Path(one.source).read_bytes() for one in given.mounts]
    assert read == [b"plain", PLAIN]
    assert given.environment == {"A": "1", "TOKEN": "töken"}
    assert (given.files, given.secret_environment) == ((), {})


@pytest.mark.parametrize("content", [b"\xff", b"a\0b"])
def test_a_secret_that_is_no_text_is_none_for_a_variable(contents, seal, content):
    made = container(secret_environment={"TOKEN": seal(content)})
    with pytest.raises(RuntimeFailure, match="secret db is not a text") as raised:
        contents.check(made)
    assert content.decode("latin1") not in str(raised.value)


def test_the_spec_counts_version_and_not_how_it_is_sealed(seal):
    def spec(**changes):
        made = container(**changes)
        return spec_of(instance(containers=[made]), made)

    file = spec(files=(File(path="/a", secret=seal()),))
    assert spec(files=(File(path="/a", secret=seal()),)) == file
    assert spec(files=(File(path="/a", secret=seal(version="2b")),)) != file
    assert spec(secret_environment={"T": seal()}) == spec(secret_environment={"T": seal()})
    assert spec(credentials=seal()) == spec()
    assert spec(files=(File(path="/a", content=b"1"),)) != spec(
        files=(File(path="/a", content=b"2"),)
    )


def test_credentials_are_those_of_the_container_that_has_the_image(contents, seal):
    wanted = [
        instance("a-0", image="registry.example/other:1"),
        instance("b-0", image="registry.example/web:1", credentials=seal(b"ann:p:w")),
    ]
    found = contents.credentials(wanted, "registry.example/web:1")
    assert found == Credentials("ann", "p:w")
    assert "p:w" not in repr(found)
    assert contents.credentials(wanted, "registry.example/other:1") is None


@pytest.mark.parametrize("content", [b"nocolon", b"\xff:\xff"])
def test_what_are_no_credentials_is_a_failure_of_the_pull(contents, seal, content):
    wanted = [instance(image="registry.example/web:1", credentials=seal(content, name="reg"))]
    with pytest.raises(RuntimeFailure, match="secret reg is not credentials") as raised:
        contents.credentials(wanted, "registry.example/web:1")
    assert raised.value.kind is Failure.PULL
    assert "nocolon" not in str(raised.value)


def test_a_secret_that_cannot_be_opened_stops_nothing_that_runs(contents, seal):
    runtime = FakeRuntime(images=[IMAGE])
    first = instance(files=(File(path="/run/db", secret=seal()),))
    assert converged(runtime, contents, first).reached
    later = instance(revision="2", files=(File(path="/run/db", secret=Sealed(name="db")),))
    outcome = converged(runtime, contents, later)
    assert not outcome.reached
    (status,) = outcome.instances
    assert status.state is InstanceState.RUNNING
    assert "describe secret" in status.reason
    assert ("stop", "1".zfill(64)) not in runtime.calls


def test_a_secret_sealed_anew_restarts_nothing(contents, seal):
    runtime = FakeRuntime(images=[IMAGE])
    for _ in range(2):
        wanted = instance(files=(File(path="/run/db", secret=seal()),))
        assert converged(runtime, contents, wanted).reached
    assert [verb for verb, _ in runtime.changes()] == ["create", "start"]


def test_files_go_with_their_container_and_not_before(contents, seal, tmp_path):
    runtime = FakeRuntime(images=[IMAGE])
    kept = instance("a-0", files=(File(path="/x", content=b"x"),))
    assert converged(
        runtime, contents, kept, instance("b-0", files=kept.containers[0].files)
    ).reached
    folders = tmp_path / "files"
    assert sorted(one.name for one in folders.iterdir()) == ["a-0", "b-0"]
    runtime.fails["remove"] = RuntimeFailure(Failure.OTHER, "busy")
    converged(runtime, contents, kept)
    assert sorted(one.name for one in folders.iterdir()) == ["a-0", "b-0"]
    del runtime.fails["remove"]
    assert converged(runtime, contents, kept).reached
    assert [one.name for one in folders.iterdir()] == ["a-0"]


def test_files_that_vanished_are_there_again_for_the_next_start(contents, tmp_path):
    runtime = FakeRuntime(images=[IMAGE])
    wanted = instance(files=(File(path="/x", content=b"x"),))
    assert converged(runtime, contents, wanted).reached
    (path,) = [one for one in (tmp_path / "files").rglob("*") if one.is_file()]
    path.unlink()
    assert converged(runtime, contents, wanted).reached
    assert path.read_bytes() == b"x"
    assert all(one.phase is Phase.RUNNING for one in runtime.containers("box-1"))


def test_a_file_that_cannot_be_written_is_told_by_its_path(contents, tmp_path):
    (tmp_path / "files").write_bytes(b"in the way")
    made = container(files=(File(path="/x", content=b"x"),))
    with pytest.raises(RuntimeFailure, match="the file for /x cannot be written") as raised:
        contents.given(instance(containers=[made]), made)
    assert raised.value.kind is Failure.OTHER
