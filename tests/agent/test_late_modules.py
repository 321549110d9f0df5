"""Modules that load themselves at their first use."""

import os
import subprocess
import sys
import threading

import pytest

from skerry_agent.late_modules import load_late


@pytest.fixture
def make(tmp_path):
    """Return what makes a module that is found but not loaded."""
    made = []

    def make(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        made.append(name)
        return name

    sys.path.insert(0, str(tmp_path))
    yield make
    sys.path.remove(str(tmp_path))
    for name in made:
        sys.modules.pop(name, None)


def test_it_loads_once_and_at_the_first_use(make, capsys):
    name = make("late_one", "print('loaded')\nvalue = 3\n")
    load_late([name])
    import late_one  # noqa: PLC0415

    assert not hasattr(late_one, "__path__")
    assert capsys.readouterr().out == ""
    from late_one import value  # noqa: PLC0415

    assert (value, late_one.value) == (3, 3)
    with pytest.raises(AttributeError, match="module 'late_one' has no attribute 'other'"):
        _ = late_one.other
    assert capsys.readouterr().out == "loaded\n"


def test_a_second_thread_waits_for_the_first(make):
    name = make("late_two", "import time\ntime.sleep(0.1)\nvalue = 3\n")
    load_late([name])
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(sys.modules[name].value)) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [3, 3, 3]


def test_a_module_that_asks_for_itself_while_it_loads_is_told_no(make):
    name = make("late_three", "import late_three\nhas = hasattr(late_three, 'later')\nlater = 1\n")
    load_late([name])
    assert sys.modules[name].has is False


def test_what_is_loaded_or_is_not_there_is_left_alone():
    before = sys.modules["json"]
    load_late(["json", "no_such_module"])
    assert sys.modules["json"] is before
    assert "no_such_module" not in sys.modules


def test_what_is_put_off_works_all_the_same():
    code = (
        "from skerry_agent.late_modules import load_late; load_late()\n"
        "import dataclasses, urllib.request\n"
        "@dataclasses.dataclass\n"
        "class Point:\n"
        "    x: int\n"
        "print(Point.__doc__, urllib.request.getproxies()['mqtt'])"
    )
    environment = {**os.environ, "PYTHONPATH": ":".join(sys.path), "mqtt_proxy": "socks5://a:1"}
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert told.stdout.decode() == "Point(x: int) socks5://a:1\n", told.stderr
