"""What podman's and docker's answer about a container tells of its health."""

import pytest
from tests.executor.orders import NODE, instance

from skerry_executor import specs
from skerry_executor.runtimes.inspection import parse

MADE = instance()
LABELS = specs.labels_of(NODE, MADE, MADE.containers[0])
FAILED = {"ExitCode": 1, "Output": "no database\n"}
WHY = "its command ended with 1: no database"


def looked(health, check=None):
    config = {"Labels": LABELS, **({} if check is None else {"Healthcheck": check})}
    state = {"Status": "running", "Pid": 7, "Health": health}
    one = parse({"Id": "a" * 64, "Name": "/web", "Config": config, "State": state}).actual
    return one.health, one.health_reason


@pytest.mark.parametrize(
    ("health", "check", "reason"),
    [
        ({"Status": "healthy", "FailingStreak": 0, "Log": [{"ExitCode": 0}]}, {"Retries": 4}, ""),
        ({"Status": "healthy", "FailingStreak": 1, "Log": [FAILED]}, {"Retries": 4},
         f"1 of 4 failures: {WHY}"),
        ({"Status": "healthy", "FailingStreak": 2, "Log": [FAILED]}, None,
         f"2 of 3 failures: {WHY}"),
        ({"Status": "unhealthy", "FailingStreak": 9, "Log": [FAILED]}, {"Retries": 4}, WHY),
        ({"Status": "starting", "FailingStreak": 0, "Log": [FAILED]}, {"Retries": 4}, WHY),
    ],
)  # fmt: skip
def test_a_failure_too_few_says_of_how_many_it_is_one(health, check, reason):
    assert looked(health, check) == (health["Status"], reason)


def test_without_a_check_there_is_nothing_to_say():
    assert looked(None) == ("none", "")
