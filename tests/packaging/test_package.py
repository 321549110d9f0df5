"""The package of a box: built, looked at, and its whole life in a copy of this machine."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from lab import deb_build, deb_checks, deb_cycle, deb_repository, deb_root
from lab.deb_build import Version
from lab.install import DEB_PACKAGES, ROOT
from lab.processes import LabError

MISSING = [package for program, package in DEB_PACKAGES.items() if not shutil.which(program)]
BUILDS = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
WANTED = Version("0.1.0~git20260102.030405.abcdef01", 1_767_323_045)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return deb_build.build_twice(tmp_path_factory.mktemp("built"), WANTED)


@BUILDS
def test_two_builds_are_the_same_bytes(built):
    first, second = built
    assert first.sha256 == second.sha256
    assert first.size_bytes < 600_000


@BUILDS
def test_a_box_gets_its_own_units_and_not_the_hubs(built):
    listed = deb_build.output(["dpkg-deb", "--contents", str(built[0].path)]).split()
    units = {pathlib.PurePath(word).name for word in listed if "/systemd/system/skerry" in word}
    assert units == {
        "skerry-agent.service",
        "skerry-boot.target",
        "skerry-executor.service",
        "skerry-executor.socket",
    }


@BUILDS
@pytest.mark.skipif(shutil.which("lintian") is None, reason="lintian is not installed")
def test_lintian_has_neither_error_nor_warning(built):
    tags = deb_checks.lintian(built[0].path)
    assert deb_checks.faults(tags) == ()
    # What it merely notes is looked at, too. That there is no script for another init is so by
    # design: a socket of systemd's starts the executor. (Later ones do not know that note, and take
    # an override of it for an error.)
    noted = [tag for tag in tags if "no-init.d-script" not in tag]
    assert noted == [], "mend it, or override it with a reason"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("unit", deb_checks.MOST_EXPOSED)
def test_a_unit_is_no_more_exposed_than_its_comments_say(unit):
    found = deb_checks.exposure(unit)
    assert found <= deb_checks.MOST_EXPOSED[unit]
    text = (ROOT / "systemd" / f"{unit}.service").read_text()
    assert f"gives {found:.1f}." in text


@BUILDS
@pytest.mark.skipif(shutil.which("apparmor_parser") is None, reason="apparmor is not installed")
def test_the_profile_is_one(built, tmp_path):
    profile = tmp_path / "etc/apparmor.d/skerry-agent"
    subprocess.run(["dpkg-deb", "--extract", built[0].path, tmp_path], check=True)
    command = ["apparmor_parser", "--skip-kernel-load", "--skip-cache", profile]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    service = (ROOT / "systemd/skerry-agent.service").read_text()
    assert "AppArmorProfile=-skerry-agent\n" in service
    assert "profile skerry-agent " in profile.read_text()


@BUILDS
def test_a_whole_life_leaves_nothing_and_loses_nothing(built, tmp_path):
    new = deb_build.build(tmp_path / "new", deb_build.later_than(WANTED))
    try:
        with deb_root.throwaway() as root:
            steps = deb_cycle.Cycle(root, tmp_path, built[0], new).run()
    except LabError as error:
        if "overlay" in str(error) or "only root" in str(error):
            pytest.skip(str(error))
        raise
    print(deb_cycle.table(steps))
    assert [one for one in steps if one.problems] == []
    assert steps[-1].name == "purge"


def test_the_version_is_that_of_the_commit(tmp_path):
    source = tmp_path / "wire/skerry_wire/__init__.py"
    source.parent.mkdir(parents=True)
    source.write_text('__version__ = "1.2.3"\n')
    with pytest.raises(LabError, match="SOURCE_DATE_EPOCH is not set"):
        deb_build.version(tmp_path, {})
    assert deb_build.version(tmp_path, {"SOURCE_DATE_EPOCH": "7"}) == Version("1.2.3", 7)
    who = {
        f"GIT_{one}_{two}": "a@b" for one in ("AUTHOR", "COMMITTER") for two in ("NAME", "EMAIL")
    }
    who |= {"GIT_COMMITTER_DATE": "@1767323045 +0900", "PATH": os.environ["PATH"]}

    def git(*words):
        command = ["git", "-C", tmp_path, *words]
        return subprocess.run(command, env=who, check=True, capture_output=True, text=True).stdout

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "one")
    commit = git("rev-parse", "--short=8", "HEAD").strip()
    before = Version(f"1.2.3~git20260102.030405.{commit}", 1_767_323_045)
    assert deb_build.version(tmp_path, {}) == before
    git("tag", "v1.2.3")
    assert deb_build.version(tmp_path, {}) == Version("1.2.3", 1_767_323_045)
    source.write_text('__version__ = "1.2.3"  \n'.replace("  \n", "\n\n"))
    assert deb_build.version(tmp_path, {}).text == f"{before.text}.changed"


@pytest.fixture
def launched(tmp_path):
    """Return what runs the launcher of version 2 on a library that a test makes."""
    library = tmp_path / "library"
    text = (ROOT / "packaging/debian/launcher").read_text()
    text = text.replace("@VERSION@", "2").replace("@PROGRAM@", "agent")
    launcher = tmp_path / "launcher"
    launcher.write_text(text.replace("/usr/share/skerry-agent", str(library)))

    def version(name, *, whole=True):
        module = library / name / "skerry_agent"
        module.mkdir(parents=True)
        (module / "main.py").write_text(f"def main():\n    print({name!r})\n    return 0\n")
        if whole:
            (library / name / "whole").touch()

    def run():
        command = [sys.executable, "-I", launcher]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)

    return version, run


def test_the_own_version_is_run_even_when_a_higher_one_is_there(launched):
    version, run = launched
    for name in ("1", "2", "3"):
        version(name)
    assert run().stdout == "2\n"


def test_in_the_middle_of_an_upgrade_the_former_version_is_run(launched, tmp_path):
    version, run = launched
    version("1")
    version("2", whole=False)
    assert run().stdout == "1\n"
    assert not list(pathlib.Path(tmp_path).rglob("__pycache__")), "dpkg would know nothing of it"


def test_nothing_whole_is_said(launched):
    version, run = launched
    version("2", whole=False)
    done = run()
    assert done.returncode == 1
    assert "apt install --reinstall skerry-agent" in done.stderr


@pytest.fixture
def subscribed(built, tmp_path):
    """Give a root that knows a repository, and the repository's folder in it."""
    folder = tmp_path / "repository"
    deb_repository.add(folder, [built[0].path], tmp_path / "key", "http://x", 1_767_323_045)
    try:
        with deb_root.throwaway() as root:
            place = root.at("/srv/skerry-test")
            shutil.copytree(folder, place)
            deb_cycle.subscribe(root, folder, "file:/srv/skerry-test")
            yield root, place
    except LabError as error:
        pytest.skip(str(error))


def updated(root):
    command = [*deb_cycle.APT, "-o", "APT::Update::Error-Mode=any", "update"]
    return root.run(*command, check=False)


def flipped(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@BUILDS
def test_apt_takes_nothing_that_was_changed_on_its_way(subscribed, tmp_path, built):
    root, place = subscribed
    done = updated(root)
    assert (done.returncode, done.stderr) == (0, "")
    assert deb_cycle.version_of(built[0]) in root.run("apt-cache", "policy", "skerry-agent").stdout
    package = next((place / "pool").rglob("*.deb"))
    flipped(package)
    done = root.run(*deb_cycle.APT, "install", "skerry-agent", check=False)
    assert done.returncode != 0
    assert "Hash Sum mismatch" in done.stderr or "unexpected size" in done.stderr
    shutil.rmtree(root.at("/var/lib/apt/lists"))
    signed = place / "dists/stable/InRelease"
    good = signed.read_bytes()
    flipped(signed)
    assert updated(root).returncode != 0
    # Another key is not trusted, however well it signs.
    signed.write_bytes(good)
    deb_repository.add(place, [], tmp_path / "another", "http://x", 1_767_323_999)
    done = updated(root)
    assert done.returncode != 0
    assert "NO_PUBKEY" in done.stderr or "Missing key" in done.stderr


@BUILDS
def test_a_repository_keeps_what_it_has_and_its_key_stays_out_of_it(built, tmp_path):
    folder, key = tmp_path / "www", tmp_path / "key"
    told = deb_repository.add(folder, [built[0].path], key, "https://p.example/skerry", 1e9)
    assert key.stat().st_mode & 0o777 == 0o600
    assert "PRIVATE KEY" in key.read_text()
    published = [path for path in folder.rglob("*") if path.is_file()]
    assert not any(b"PRIVATE" in path.read_bytes() for path in published)
    assert "URIs: https://p.example/skerry" in told
    with pytest.raises(LabError, match="must not lie in what is published"):
        deb_repository.add(folder, [], folder / "key", "https://p.example", 1e9)
    changed = tmp_path / built[0].path.name
    changed.write_bytes(b"another content")
    with pytest.raises(LabError, match="this version is there already, and not the same"):
        deb_repository.add(folder, [changed], key, "https://p.example", 1e9)
    again = deb_repository.add(folder, [], key, "https://p.example/skerry", 1e9 + 60)
    assert again == told, "the same key"
