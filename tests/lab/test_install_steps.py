"""What `./dev lab install` reads, compares and counts; the whole: tests/e2e/test_install.py."""

import pathlib
import subprocess

import pytest

from lab import deb_later, install_readme, uml_install_cuts, uml_install_files
from lab.install import ROOT
from lab.install_readme import BOX, OPERATOR
from lab.processes import LabError
from lab.uml_install import Done, table
from lab.uml_install_course import leaves, megabytes
from lab.uml_install_cuts import Cut
from lab.uml_install_image import needed
from lab.uml_install_steps import STEPS

README = """\
## Install

```sh
# on the box
sudo one
sudo skerry-agent join https://hub.example:8443 --token T --ca-pin sha256:P
```
```sh
# where you work
skerry get nodes
```
```sh
# somewhere else
skerry nothing
```

## More

```sh
# on the box
sudo two
```
"""
JOIN = "sudo skerry-agent join https://h:1 --token skj_x --ca-pin sha256:0"


def test_the_commands_of_the_section_are_read_by_where_they_are_given():
    found = install_readme.blocks(README)
    assert [(one.where, len(one.commands)) for one in found] == [(BOX, 2), (OPERATOR, 1)]
    assert install_readme.command("sudo one", BOX, found) == "sudo one"
    for beginning, where in (("sudo", BOX), ("sudo two", BOX), ("skerry get", BOX)):
        with pytest.raises(LabError, match=beginning):
            install_readme.command(beginning, where, found)
    with pytest.raises(LabError, match="no section"):
        install_readme.blocks("# Nothing\n")


def test_the_readme_has_every_command_that_the_steps_follow():
    found = install_readme.blocks()
    for beginning in (
        "sudo wget -nv -NP /etc/apt/keyrings",
        "sudo wget -nv -NP /etc/apt/sources",
        "sudo apt update",
        "sudo apt install skerry-agent",
        "sudo skerry-agent join",
    ):
        install_readme.command(beginning, BOX, found)
    for beginning in ("skerry token create", "skerry get nodes", "skerry describe node"):
        install_readme.command(beginning, OPERATOR, found)


def test_the_document_has_the_same_commands_as_the_readme():
    document = (ROOT / "docs" / "install-box.md").read_text()
    for block in install_readme.blocks():
        for line in block.commands if block.where == BOX and len(block.commands) > 1 else ():
            assert f"\n{line}\n" in document


@pytest.mark.parametrize(
    ("printed", "same"),
    [
        (JOIN, True),
        ("skerry-agent join https://h:1 --token skj_x --ca-pin sha256:0", False),
        ("sudo skerry-agent join https://h:1 --token skj_x", False),
        ("sudo skerry-agent join https://h:1 --token skj_x --ca-pin sha256:0 --node-id a", False),
        ("", False),
    ],
)
def test_what_is_printed_for_a_box_has_the_form_that_the_readme_shows(printed, same):
    written = install_readme.command("sudo skerry-agent join", BOX, install_readme.blocks(README))
    assert install_readme.of_one_form(printed, written) is same


def test_what_a_package_left_is_told_from_what_others_write():
    before = {"/etc/passwd"}
    after = {
        "/etc/passwd",
        "/etc/passwd-",
        "/usr/lib/python3/x/__pycache__/y.cpython-311.pyc",
        "/usr/bin/of-another-package",
        "/var/lib/dpkg/info/other.list",
        "/var/lib/containers/storage/skerry-image",
        "/var/lib/skerry-agent",
        "/var/lib/dpkg/info/skerry-agent.list",
        "/var/lib/systemd/deb-systemd-helper-enabled/skerry-agent.service.dsh-also",
        "/srv/left",
    }
    owned = {"/usr/bin/of-another-package"}
    found = uml_install_files.left(before, after, owned, alone=True)
    assert uml_install_files.left(before, after, owned, alone=False) == found[1:]
    assert found == [
        "/srv/left",
        "/var/lib/dpkg/info/skerry-agent.list",
        "/var/lib/skerry-agent",
        "/var/lib/systemd/deb-systemd-helper-enabled/skerry-agent.service.dsh-also",
    ]


@pytest.mark.parametrize(
    "said",
    [
        "0 upgraded, 27 newly installed, 0 to remove and 0 not upgraded.\n"
        "Need to get 8,458 kB of archives.\n"
        "After this operation, 36.1 MB of additional disk space will be used.\n",
        "Summary:\n  Upgrading: 0, Installing: 27, Removing: 0, Not Upgrading: 0\n"
        "  Download size: 8,458 kB\n  Space needed: 36.1 MB / 2,456 MB available\n",
    ],
)
def test_both_ways_in_which_apt_tells_sizes_are_read(said):
    assert megabytes(said) == "27 packages, 8,458 kB fetched, 36.1 MB of the disk"


def test_every_value_of_json_has_a_path():
    assert leaves({"a": [{"b": 1}, []], "c": {}}) == {"a[0].b": "1", "a[1]": "[]", "c": "{}"}


def test_what_a_box_needs_of_debian_is_what_its_package_says():
    names = needed()
    assert {"python3", "python3-nacl", "python3-cryptography"} <= set(names)
    assert "podman" not in names
    assert not [name for name in names if "{" in name or "|" in name]


def test_the_short_form_has_what_the_tests_are_to_see():
    short = {step.follow.__name__ for step in STEPS if step.short}
    assert {"join", "hardware", "workload", "offline_boot", "upgrade", "purge"} <= short


def test_the_tables_tell_what_is_wrong():
    good, bad = Done("trixie", "a", 1.0, "seen"), Done("trixie", "b", 2.0, "", "it is not so")
    assert [one.met for one in (good, bad)] == [True, False]
    assert "it is not so" in table([good, bad])
    whole = Cut("trixie", 1, "unpacking", 2.0, "half-installed 1", "0.1.0", 9.0, 9.5, 20.0)
    never = Cut("trixie", 2, "reading", 2.0, "", "?", None, None, None, problem="it never came")
    text = uml_install_cuts.table([whole, never])
    assert "2 cuts in `apt upgrade` (1 reading, 1 unpacking, 0 configuring, 0 done)" in text
    assert "1 half-installed, 1 unknown" in text
    assert "1 came back" in text
    assert "it never came" in uml_install_cuts.line(never)


def test_a_later_version_has_another_folder_and_another_number(tmp_path):
    root = tmp_path / "root"
    library = root / "usr/share/skerry-agent/1.0/skerry_wire"
    library.mkdir(parents=True)
    (library / "__init__.py").write_text('__version__ = "1.0.0"\n')
    (root / "usr/bin").mkdir()
    for program in deb_later.PROGRAMS:
        (root / program).write_text('for name in ("1.0",):\n')
    (root / "DEBIAN").mkdir()
    control = (
        "Package: skerry-agent\nVersion: 1.0\nArchitecture: all\nMaintainer: a <a@b.invalid>\n"
    )
    (root / "DEBIAN/control").write_text(f"{control}Description: x\n")
    package = tmp_path / "skerry-agent_1.0_all.deb"
    subprocess.run(["dpkg-deb", "-b", root, package], check=True, capture_output=True)
    made, code = deb_later.later(package, 7, tmp_path)
    assert (made.name, code) == ("skerry-agent_1.0+7_all.deb", "1.0.0.7")
    out = tmp_path / "out"
    subprocess.run(["dpkg-deb", "-R", made, out], check=True)
    code = out / "usr/share/skerry-agent/1.0+7/skerry_wire/__init__.py"
    assert code.read_text() == '__version__ = "1.0.0.7"\n'
    assert '"1.0+7"' in (out / deb_later.PROGRAMS[0]).read_text()
    sums = (out / "DEBIAN/md5sums").read_text()
    assert pathlib.Path(code).relative_to(out).as_posix() in sums
    assert "DEBIAN" not in sums
