"""`./dev`: help comes at once, from a fresh checkout on a bare Python."""

import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copy(ROOT / "dev", folder)
    for name in ("packaging", "benchmarks"):
        left_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=left_out)
    return folder


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--help", "COMMAND"),
        ("soak --help", "partitions"),
        ("soak kills --help", "--seed"),
        ("bench --help", "--only"),
        ("deb --help", "--repository"),
        ("lab -h", "hotplug"),
        ("lab hotplug -h", "--cycles"),
        ("lab packages -h", "--no-boxes"),
        ("runtimes --help", "debian-trixie"),
        ("demo --help", "--boxes"),
        ("test --help", "what pytest takes"),
        ("check --help", "import contracts"),
    ],
)
def test_help_needs_no_environment(checkout, words, says):
    before = set(checkout.iterdir())
    command = [sys.executable, "-I", "-S", "-B", checkout / "dev", *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert says in done.stdout
    assert done.stdout.startswith("usage: ./dev")
    assert set(checkout.iterdir()) == before, "nothing is installed"
