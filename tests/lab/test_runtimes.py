"""The table of runtimes to test on, and what is told of those that are not there."""

import pytest

from lab import runtimes
from lab.go_build import GoPrograms, go_mod
from lab.processes import LabError
from lab.programs import Programs
from lab.runtimes import BUILT, OF_THIS_MACHINE, VERSIONS

PUBLISHED = """\
module k8s.io/kubernetes

go 1.24.0

require (
	github.com/moby/sys v0.4.0
	k8s.io/api v0.0.0 // indirect
)

replace (
	k8s.io/api => ./staging/src/k8s.io/api
)
"""


def test_every_version_is_of_a_known_kind_and_of_what_can_be_built():
    assert {one.kind for one in VERSIONS.values()} == set(OF_THIS_MACHINE)
    assert {name for one in VERSIONS.values() for name in one.built} <= set(BUILT)
    for name, version in VERSIONS.items():
        assert name.startswith(version.kind)


def test_what_a_program_requires_is_as_it_was_published_with_its_own_parts_pinned():
    programs = GoPrograms(
        module="k8s.io/kubernetes", version="v1.2.3", packages=(), staged="v0.2.3"
    )
    assert go_mod(programs, PUBLISHED).splitlines() == [
        "module lab",
        "go 1.24.0",
        "require (",
        "\tk8s.io/kubernetes v1.2.3",
        "\tgithub.com/moby/sys v0.4.0",
        "\tk8s.io/api v0.2.3",
        ")",
        "replace (",
        "\tk8s.io/api => k8s.io/api v0.2.3",
        ")",
    ]


def test_what_is_not_installed_is_said_with_what_installs_it(tmp_path):
    with pytest.raises(LabError, match="no-such-program is not installed"):
        Programs().command("no-such-program")
    with pytest.raises(LabError, match=r"podman-5\.4 is not installed: \./dev runtimes"):
        runtimes.prepared("podman-5.4", tmp_path, cache=tmp_path)


def test_programs_of_a_folder_come_before_those_of_the_machine(tmp_path):
    own = tmp_path / "true"
    own.write_text("#!/bin/sh\necho mine\n")
    own.chmod(0o755)
    assert Programs([tmp_path]).run("true") == "mine\n"
    assert Programs().run("true") == ""
