"""What is meant by a name where instances are."""

import pytest
from tests.cli.samples import BROKEN, DETAIL, INSTANCE, WORKLOAD

from skerry_cli.failures import Failure
from skerry_cli.hub import Hub
from skerry_cli.named_instances import instances_of, one_instance_of


def listed(asked):
    found = [INSTANCE, BROKEN]
    for key, of in (("workload", "workload"), ("node", "node")):
        if key in asked.query:
            found = [one for one in found if getattr(one, of) == asked.query[key]]
    return found


@pytest.fixture
def told(hub):
    hub.answers["GET /api/v1/instances"] = listed
    hub.answers["GET /api/v1/workloads"] = [WORKLOAD]
    hub.answers["GET /api/v1/workloads/shop-new"] = DETAIL
    return Hub(hub.url)


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("shop-web", ["shop-web-0", "shop-web-1"]),
        ("shop-web-1", ["shop-web-1"]),
        ("box-1/shop-web-0", ["shop-web-0"]),
    ],
)
def test_a_workload_an_instance_or_one_on_a_node(told, name, ids):
    assert [one.id for one in instances_of(told, name)] == ids


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nothing", "there is no workload and no instance nothing"),
        ("shop-new", "the workload shop-new has no instance yet; see `skerry explain shop-new`"),
        ("box-1/shop-web-1", "there is no instance shop-web-1 on box-1"),
    ],
)
def test_what_there_is_not(told, name, reason):
    with pytest.raises(Failure, match=reason):
        instances_of(told, name)


def test_where_one_is_meant_several_are_named(told):
    assert one_instance_of(told, "shop-web-0").id == "shop-web-0"
    with pytest.raises(Failure, match="2 instances; name one of them: shop-web-0, shop-web-1"):
        one_instance_of(told, "shop-web")


def test_both_are_completed(skerry, told):
    done = skerry(COMP_WORDS="skerry logs shop-", COMP_CWORD="2", _SKERRY_COMPLETE="bash_complete")
    assert {"plain,shop-web", "plain,shop-web-0"} <= set(done.out.split())
