"""For all tests."""

import signal

# A run in the background inherits an ignored Ctrl-C, and would hand that on to all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption(
        "--runtimes",
        default="",
        metavar="NAME,NAME",
        help="test the executor on these versions of runtimes, not on those of this machine; "
        "packaging/lab/runtimes.py has their names, ./dev runtimes installs them",
    )
    parser.addoption(
        "--hub-database",
        default="sqlite",
        choices=["sqlite", "postgresql"],
        help="where the rig of the hub's tests keeps its state",
    )
