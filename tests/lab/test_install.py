"""What `./dev` puts on a machine, and what it leaves alone."""

from lab import install


def test_an_environment_that_is_a_link_is_replaced_and_its_target_left_alone(tmp_path):
    target, venv = tmp_path / "another", tmp_path / ".venv"
    (target / "bin").mkdir(parents=True)
    (target / "installed").write_text("another's")
    venv.symlink_to(target)
    install.remove_environment(venv)
    assert not venv.is_symlink()
    assert (target / "installed").read_text() == "another's"


def test_an_environment_that_was_broken_off_is_removed(tmp_path):
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    install.remove_environment(venv)
    assert not venv.exists()
    install.remove_environment(venv)
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_nowhere_goes(tmp_path):
    venv = tmp_path / ".venv"
    venv.symlink_to(tmp_path / "gone")
    install.remove_environment(venv)
    assert list(tmp_path.iterdir()) == []
