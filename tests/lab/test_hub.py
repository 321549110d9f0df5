"""What `./dev lab hub` reads of the document that it follows; the whole is that command."""

import pytest

from lab.processes import LabError
from lab.uml_hub import FETCHING, commands

TEXT = """\
## As a systemd service

Words.

```sh
sudo one
sudo two | sudo tee three
```

```sh
sudo four
```

## Another

```sh
sudo five
```
"""


def test_the_commands_of_its_section_alone_are_followed():
    assert commands(TEXT) == (["sudo one", "sudo two | sudo tee three"], ["sudo four"])


def test_a_document_without_them_is_refused():
    with pytest.raises(LabError, match="0 blocks"):
        commands("## Another\n")


def test_those_that_fetch_come_first_and_the_last_starts_the_unit():
    first, second = commands()
    fetching = ("apt install", "python3 -m venv", "pip install", "pip install")
    for word, line in zip(fetching, first[:FETCHING], strict=True):
        assert word in line
    assert not any("install " in line and "-D" not in line for line in first[FETCHING:])
    assert first[-1] == "sudo systemctl enable --now skerry-hub"
    assert all(line.startswith("sudo /opt/skerry/bin/skerry-hub ") for line in second)
