"""The hub's image: its lock, what its list of contents says, how its compose file runs it."""

import argparse
import configparser
import datetime
import json
import re
import shutil
import subprocess
import sys
import zipfile

import pytest
import yaml

import skerry_wire
from lab import compose, image, image_sbom
from lab.install import ROOT
from lab.processes import LabError
from skerry_hub import config
from skerry_hub.config import PREFIX

PINNED = re.compile(r"^([a-z0-9-]+)==([^ ;]+)", re.M)
COPIED = re.compile(r"^COPY (.+) /build/source(/.*)$", re.M)
LOCKS = ROOT / "packaging" / "lock"
COMPOSE = yaml.safe_load(compose.FILE.read_text())
SERVICES = COMPOSE["services"]

STATUS = """\
Package: mosquitto
Status: install ok installed
Architecture: amd64
Version: 2.0.21-1
Description: a broker
 that goes on

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1
"""
METADATA = """\
Metadata-Version: 2.1
Name: {name}
Version: 1.0
License: {license}
{needs}
"""


def pinned(name):
    return set(PINNED.findall((LOCKS / name).read_text()))


def test_the_images_packages_are_those_that_are_tested():
    assert pinned("hub.txt") <= pinned("dev.txt")
    assert len(pinned("hub.txt")) > 30
    names = {name for name, _ in pinned("hub.txt")}
    assert names >= {"fastapi", "sqlalchemy", "psycopg-binary", "cryptography", "highspy"}
    assert not names & {"pytest", "ruff", "mypy", "hypothesis", "podman-compose"}
    assert not names & {"psutil", "py-cpuinfo", "pyudev"}, "what the agent reads hardware with"


def test_every_package_of_the_lock_has_digests():
    text = (LOCKS / "hub.txt").read_text()
    entries = re.split(r"\n(?=[a-z0-9-]+==)", text.strip())
    assert all("    --hash=sha256:" in one for one in entries)
    assert len(entries) == len(pinned("hub.txt"))
    assert "://" not in text


@pytest.fixture
def root(tmp_path):
    """The files of an image, as far as its list is made of them."""
    for name, text in (
        (image_sbom.STATUS, STATUS),
        (image_sbom.RELEASE, 'ID=debian\nVERSION_ID="13"'),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    library = tmp_path / "opt/skerry/lib/python3.13/site-packages"
    for name, license_, needs in (
        (
            "Skerry",
            "Apache-2.0",
            "Requires-Dist: py_yaml>=6\nRequires-Dist: pytest; extra == 'dev'",
        ),
        ("py-yaml", "x" * 5000, ""),
    ):
        place = library / f"{name.replace('-', '_')}-1.0.dist-info"
        place.mkdir(parents=True)
        text = METADATA.format(name=name, license=license_, needs=needs)
        (place / "METADATA").write_text(text)
    return tmp_path


def listed(root):
    when = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
    about = image_sbom.Image(name="localhost/skerry-hub", version="0.1.0", made_at=when)
    return image_sbom.document(root, about)


def test_the_list_is_what_is_installed_and_the_same_each_time(root):
    found = json.loads(listed(root))
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    assert sorted(one["purl"] for one in found["components"]) == [
        "pkg:deb/debian/mosquitto@2.0.21-1?arch=amd64&distro=debian-13",
        "pkg:pypi/py-yaml@1.0",
        "pkg:pypi/skerry@1.0",
    ]
    needs = {one["ref"]: one.get("dependsOn", []) for one in found["dependencies"]}
    assert needs["pkg:pypi/skerry@1.0"] == ["pkg:pypi/py-yaml@1.0"]
    assert found["metadata"]["timestamp"].startswith("2026-01-02")
    assert listed(root) == listed(root)


def test_what_is_no_image_has_no_list(root):
    (root / image_sbom.STATUS).write_text("")
    with pytest.raises(LabError, match="no image of the hub"):
        listed(root)


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_hardened_and_has_no_secret_in_its_environment(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    user, _, group = service["user"].rpartition(":")
    assert user not in ("", "0", "root")
    assert group == "0"
    for key in service.get("environment", {}):
        assert "PASSWORD" not in key or key.endswith("_FILE"), key


def test_the_compose_file_sets_what_the_hub_has_and_keeps_what_it_writes():

    parser = argparse.ArgumentParser()
    config.add_options(parser)
    options = {one.dest.upper() for one in parser._actions}
    for name in SERVICES["hub"]["environment"]:
        assert name.removeprefix(PREFIX) in options, name
    kept = {one.split(":")[0] for name in SERVICES for one in SERVICES[name].get("volumes", ())}
    assert kept == set(COMPOSE["volumes"])
    for one in kept:
        assert not [other for other in kept - {one} if other.startswith(one)], (
            "podman mistakes them"
        )
    broker = [one for one in SERVICES["broker"]["volumes"] if one.startswith("broker-files")]
    assert broker == ["broker-files:/var/lib/skerry-broker:ro"], "it writes nothing for the hub"
    assert not any("hub:" in one for one in SERVICES["broker"]["volumes"])


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """What the Containerfile installs beside the libraries: a wheel, its files, its commands."""
    source = tmp_path_factory.mktemp("build") / "source"
    source.mkdir()
    text = image.CONTAINERFILE.read_text()
    for names, place in COPIED.findall(text):
        for name in names.split():
            found, target = ROOT / name, source / place.lstrip("/")
            if found.is_dir():
                left_out = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
                shutil.copytree(found, target, ignore=left_out)
            else:
                shutil.copy(found, target)
    (script,) = re.findall(r"sed -i '([^']+)' /build/source/pyproject.toml", text)
    subprocess.run(["sed", "-i", script, str(source / "pyproject.toml")], check=True)
    words = ["wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index", "-w"]
    wheels = source.parent / "wheels"
    command = [sys.executable, "-m", "pip", *words, str(wheels), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        (commands,) = [one for one in packed.namelist() if one.endswith("/entry_points.txt")]
        entries = configparser.ConfigParser()
        entries.read_string(packed.read(commands).decode())
        return wheel.name, packed.namelist(), entries


def test_the_image_has_the_hub_and_the_command_line_and_nothing_of_a_box(installed):
    name, files, entries = installed
    packages = {one.split("/")[0] for one in files if ".dist-info/" not in one}
    assert packages == {"skerry_wire", "skerry_hub", "skerry_cli"}
    assert sorted(entries["console_scripts"]) == ["skerry", "skerry-hub"]
    assert entries["skerry.commands"]["simulate"] == "skerry_hub.simulate:run"
    assert "skerry_hub/migrations/versions/__init__.py" in files
    assert name.startswith(f"skerry-{skerry_wire.__version__}-")


def test_the_images_label_is_the_sources_version():
    text = image.CONTAINERFILE.read_text()
    assert re.findall(r"^ARG VERSION=(.*)$", text, re.M) == [skerry_wire.__version__]


def test_what_is_copied_into_the_image_is_what_is_sent_to_the_build():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    sent = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    text = image.CONTAINERFILE.read_text() + compose.POSTGRES_FILE.read_text()
    copied = {
        name for line in re.findall(r"^COPY (?!--)(.*) \S+$", text, re.M) for name in line.split()
    }
    assert sent == copied


def test_the_image_runs_as_a_number_and_its_folder_is_the_groups():
    text = image.CONTAINERFILE.read_text()
    assert "USER 10001:0" in text
    assert "-g 0 -m 0770 /var/lib/skerry " in text
    assert 'VOLUME ["/var/lib/skerry"]' in text
    assert "HEALTHCHECK" in text
    assert "--require-hashes" in text
