"""The door to files: nothing outside the root, nothing too large, and no exception."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skerry_agent.host import GONE, MAX_ENTRIES, Ended, Host, NotEnded, Unreadable


@pytest.fixture
def secret(tmp_path):
    (tmp_path / "secret").write_text("outside")
    return tmp_path / "secret"


@pytest.mark.parametrize(
    "target",
    [
        "/secret",
        "../secret",
        "../../../../../../secret",
        "/../secret",
        "inner/../../secret",
        "up/../secret",
    ],
)
def test_a_link_cannot_lead_outside(tree, secret, target):
    tree.write("inner", {}).link("up", "..").link("way", target)
    assert tree.host.read("/way") == GONE
    tree.write("secret", "inside")
    assert tree.host.text("/way") == "inside"


def test_an_absolute_link_to_the_real_root_is_followed_inside(tree, secret):
    tree.link("way", str(secret))
    assert tree.host.read("/way") == GONE


@pytest.mark.parametrize("path", ["/../secret", "/inner/../../secret", "/up/secret"])
def test_nor_can_a_path(tree, secret, path):
    tree.write("inner", {}).link("up", "..")
    assert tree.host.read(path) == GONE
    assert tree.host.kind(path) is None


def test_a_link_in_a_circle_ends(tree):
    tree.link("a", "b").link("b", "a")
    assert tree.host.read("/a") == Unreadable("too many levels of symbolic links")
    assert tree.host.target("/a") is None


def test_a_huge_file_is_refused_and_its_head_can_be_had(tree):
    tree.write("huge", b"x" * 5000)
    assert tree.host.read("/huge", most=4999) == Unreadable("is larger than 4999 bytes")
    assert tree.host.read("/huge", most=5000) == b"x" * 5000
    assert tree.host.head("/huge", 10) == "x" * 10


def test_a_file_without_an_end_is_refused():
    assert isinstance(Host("/").read("/dev/zero"), Unreadable)


def test_what_is_no_regular_file_is_never_opened(tree):
    os.mkfifo(tree.root / "pipe")  # to open it would wait for ever
    assert tree.host.read("/pipe") == Unreadable("is not a regular file")


def test_gone_and_unreadable_are_two_things(tree):
    tree.write("folder", {})
    assert tree.host.read("/none") == GONE
    assert isinstance(tree.host.read("/folder"), Unreadable)


def test_a_folder_with_too_many_names_is_refused(tree):
    tree.write("many", {str(i): "" for i in range(MAX_ENTRIES + 2)})
    assert isinstance(tree.host.names("/many"), Unreadable)
    assert tree.host.entries("/many") == ()


def test_names_are_sorted_and_printable(tree):
    tree.write("f", {"b": "", "a": "", "bad\nname": ""})
    assert tree.host.names("/f") == ("a", "b")


def test_a_recorded_box_runs_nothing_and_asks_nobody(tree):
    assert isinstance(tree.host.run(["true"], timeout_s=1), NotEnded)
    assert isinstance(tree.host.ask_socket("/x", "/", timeout_s=1), Unreadable)
    assert tree.host.space("/") is None
    assert tree.host.machine() is None


def test_a_process_has_no_shell_and_an_end():
    host = Host("/")
    assert host.run(["echo", "$HOME; ls"], timeout_s=5) == Ended(0, b"$HOME; ls\n")
    assert host.run(["sleep", "60"], timeout_s=0.2) == NotEnded("took too long")
    assert host.run(["yes"], timeout_s=5, most=1000) == NotEnded("wrote more than 1000 bytes")


@settings(max_examples=200, deadline=None)
@given(path=st.text(max_size=40))
def test_no_path_makes_it_raise(tmp_path_factory, path):
    host = Host(tmp_path_factory.mktemp("root"))
    for ask in (host.read, host.names, host.kind, host.link, host.target, host.exists, host.stamp):
        ask(f"/{path}")
