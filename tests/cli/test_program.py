"""The program before the command line stands: it ends without a traceback."""

import os

INTERRUPT = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"


def test_an_interrupt_while_it_is_imported_ends_it_quietly(start, tmp_path):
    (tmp_path / "click.py").write_text(INTERRUPT)
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH", ""))))
    process = start("version", env={"PYTHONPATH": path})
    assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 130
