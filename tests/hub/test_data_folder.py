"""Who holds a data folder, and when no hub starts there."""

import os
import subprocess
import sys

import pytest

from skerry_hub.data_folder import RESTORING, claim, claim_whole

SECOND = """
import pathlib, sys
from skerry_hub.data_folder import claim

claim(pathlib.Path(sys.argv[1]))
"""


def test_one_hub_holds_it_and_a_second_is_refused_until_that_lets_go(tmp_path):
    data = tmp_path / "a" / "data"
    lock = claim(data)
    assert data.stat().st_mode & 0o777 == 0o700
    second = [sys.executable, "-c", SECOND, str(data)]
    refused = subprocess.run(second, capture_output=True, text=True)
    assert "another hub is using this data folder" in refused.stderr
    os.close(lock)
    assert subprocess.run(second).returncode == 0


def test_a_folder_in_which_a_restore_was_broken_off_is_for_a_restore_alone(tmp_path):
    (tmp_path / RESTORING).write_text("{}")
    with pytest.raises(OSError, match="give `skerry-hub restore` again"):
        claim_whole(tmp_path)
    os.close(claim(tmp_path))
    (tmp_path / RESTORING).unlink()
    os.close(claim_whole(tmp_path))
