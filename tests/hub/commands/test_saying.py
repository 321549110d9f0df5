"""Why a command failed is said in one form, and its exit status says whose mistake it was."""

import pytest

from skerry_hub.commands.saying import failed
from skerry_hub.store_error import StoreError


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (ValueError("--ttl: no"), 2, "--ttl: no"),
        (StoreError("it is full"), 1, "it is full"),
        (FileNotFoundError(2, "No such file or directory", "/a"), 1,
         "/a: No such file or directory"),
        (OSError(28, "No space left on device"), 1, "No space left on device"),
        (OSError("words alone"), 1, "words alone"),
    ],
)  # fmt: skip
def test_what_is_said(error, status, says, capsys):
    assert failed(error) == status
    assert capsys.readouterr().err == f"skerry-hub: {says}\n"
