"""Users, folders, signals and capabilities: what no runtime could accept is refused."""

import pytest

from skerry_hub.workloads.problems import RefusedError
from skerry_hub.workloads.process import CAPABILITIES, capability, stop_signal, user, working_dir


@pytest.mark.parametrize(
    ("read", "written", "meant"),
    [
        (user, "1000", "1000"),
        (user, "www-data:33", "www-data:33"),
        (user, "2147483647", "2147483647"),
        (working_dir, "/", "/"),
        (working_dir, "/srv/my app", "/srv/my app"),
        (stop_signal, "sigusr1", "SIGUSR1"),
        (capability, "cap_net_admin", "CAP_NET_ADMIN"),
        (capability, "all", "ALL"),
    ],
)
def test_what_runtimes_take(read, written, meant):
    assert read(written) == meant


@pytest.mark.parametrize(
    ("read", "written", "reason"),
    [
        (user, "", "is empty"),
        (user, "1000:", "write name, 1000 or 1000:1000"),
        (user, "a/b", "is not a user"),
        (user, "root:2147483648", "2147483647 is the most"),
        (working_dir, "", "is not an absolute path"),
        (stop_signal, "SIGQUITT", "did you mean SIGQUIT?"),
        (capability, "CAP_ALL", "is not a capability"),
        (capability, "SYS_ADMN", "did you mean SYS_ADMIN?"),
        (capability, "x" * 10_000, "is not a capability like NET_ADMIN"),
    ],
)
def test_what_none_takes(read, written, reason):
    with pytest.raises(RefusedError) as refused:
        read(written)
    assert reason in refused.value.reason
    assert len(refused.value.reason) < 200


def test_the_table_has_the_kernels_capabilities():
    with open("/proc/sys/kernel/cap_last_cap") as file:
        assert len(CAPABILITIES) >= min(int(file.read()) + 1, 41)
