"""The executor's state is lost or new while containers run: they are taken as they are."""

import shutil

import pytest
from tests.executor.client import asked
from tests.executor.orders import instance, order, signed
from tests.executor.test_listen import Held

from lab.processes import wait_for
from skerry_executor import specs
from skerry_executor.runtimes.containerd_labels import KEPT, Kept, kept_in

POLICY = '[images]\nallow = ["localhost"]\n[privileges]\nhost_network = true\n'
QUICK = {"stop_grace_s": 0.0, "network": "host"}
FIRST = {specs.NODE, specs.INSTANCE, specs.CONTAINER, specs.WORKLOAD, specs.REVISION, specs.SPEC}
"""The labels of the first version."""


@pytest.fixture
def held(tmp_path, real):
    held = Held(tmp_path, idle_s="0.1")
    (tmp_path / "policy.toml").write_text(POLICY)
    held.environment["SKERRY_EXECUTOR_RUNTIME"] = real.runtime.name
    held.environment["SKERRY_EXECUTOR_RUNTIME_SOCKET"] = str(real.lab.socket)
    held.start()
    yield held
    held.process.stop()


def there(real):
    """Return ids and first processes of all that is there."""
    return {(one.id, one.pid, one.started_at) for one in real.runtime.containers("box-1")}


def reached(held, data=None):
    first = [data]

    def look():
        outcome = asked(held.path, first.pop() if first else None)
        return outcome if outcome.reached else None

    return wait_for("the order", look, 10.0)


@pytest.mark.lacking(kubelet="see test_kubelet: its records are the state")
def test_all_that_the_executor_knew_is_lost_and_nothing_is_rebuilt_or_doubled(held, real):
    wanted = [instance("a-0", **QUICK), instance("b-0", **QUICK)]
    reached(held, signed(order(*wanted, generation=4)))
    before = there(real)
    assert len(before) == 2
    held.process.stop()
    for folder in (held.state, held.folder / "run"):
        shutil.rmtree(folder, ignore_errors=True)
    held.start()
    # The hub that lost its database counts anew, and orders what the box reported.
    reached(held, signed(order(*wanted, generation=1)))
    assert there(real) == before


@pytest.mark.lacking(kubelet="a pod has them in its manifest")
def test_what_a_former_version_made_is_kept_as_it_is(held, real):
    wanted = instance("a-0", **QUICK)
    (only,) = wanted.containers
    labels = {name: text for name, text in specs.labels_of("box-1", wanted, only).items()
              if name in FIRST}  # fmt: skip
    assert set(labels) == FIRST
    name = specs.name_of("a-0", "web")
    real.runtime.create(name, only.image, only, labels, wanted)
    real.runtime.start(name)
    before = there(real)
    reached(held, signed(order(wanted)))
    assert there(real) == before


def test_what_is_kept_on_a_container_of_containerd_may_have_more_or_less():
    said = '{"name":"skerry-a-0-web","restart":"always","of_a_later_version":[1]}'
    assert kept_in({KEPT: said}) == Kept(name="skerry-a-0-web", restart="always")
    for nonsense in ("", "[]", '{"restart":"always"}', "{"):
        assert kept_in({KEPT: nonsense}) is None
