"""What holds after every step, whatever was placed by whom."""

import numpy as np
from tests.hub.placement import boxes
from tests.hub.placement.slow import box_policy, cost, quotas
from tests.hub.placement.slow.fleet import domain
from tests.hub.placement.slow.own import AMOUNTS, capacity, collide
from tests.hub.placement.slow.reasons import fixed
from tests.hub.placement.slow.terms import counts, others, shares_of
from tests.hub.placement.slow_cases import NAMES, PORTS

from skerry_hub.documents import Policy
from skerry_hub.fleet.facts import Resource
from skerry_hub.fleet.ports import Port


def check_room(plain):
    """No amount, device or port is given out twice, and no box has more than its own limits."""
    for box in plain.nodes:
        there = plain.on(box)
        for name, have in capacity(box).items():
            taken = sum(getattr(one.resources, AMOUNTS[name]) for one in there)
            assert taken <= (have or 0)
        given = [hold for one in there for hold in one.held]
        for device in {hold.device for hold in given}:
            assert sum(hold.milli for hold in given if hold.device == device) <= 1000
        ports = [(one.id, port) for one in there for port in one.resources.ports]
        for first, port in ports:
            assert not any(second != first and collide(port, other) for second, other in ports)
        _check_limits(plain, box, there)


def _check_limits(plain, box, there):
    policy = box_policy.policy_of(box)
    if policy is None:
        return
    running = [one for load in there for one in plain.workloads[load.workload].containers]
    if policy.cpu_milli is not None:
        assert sum(one.cpu_limit_milli for one in running) <= policy.cpu_milli
    if policy.memory_bytes is not None:
        assert sum(one.memory_limit_bytes for one in running) <= policy.memory_bytes


def check_musts(plain):
    """No term that is a must is broken by what is placed, and nothing that is fixed."""
    for name, load in plain.workloads.items():
        mine = plain.of(name)
        for term in load.placement.at_most:
            assert max(counts(plain, term.topology, [name]).values(), default=0) <= term.count
        for term in load.placement.affinity:
            if term.anti and not term.weight:
                _check_apart(plain, load, mine, term)
        for one in mine:
            against = {reason.constraint for reason in fixed(plain, load, plain.node(one.node))}
            # Others may have moved or ended since.
            assert not {name for name in against if not name.startswith("latency to workload")}


def _check_apart(plain, load, mine, term):
    about = others(plain, load, term)
    for one in mine:
        where = domain(plain.node(one.node), term.topology)
        if where is not None:
            itself = load.name in about
            assert counts(plain, term.topology, about)[where] == itself


def check_quotas(plain):
    """The workloads of a policy have no more together than it gives them."""
    for policy in plain.documents_of(Policy):
        there, quota = quotas.held_under(plain, policy), policy.quota
        most = {"cpu": quota.cpu_milli, "memory": quota.memory_bytes}
        most["storage"] = quota.storage_bytes
        assert quota.instances is None or len(there) <= quota.instances
        for name, limit in most.items():
            taken = sum(getattr(one.resources, AMOUNTS[name]) for one in there)
            assert limit is None or taken <= limit
        for kind, limit in quota.devices.items():
            assert quotas.devices_of(there, kind) <= limit * 1000
        traffic = any(plain.workloads[one.workload].placement.traffic for one in there)
        if quota.cost_per_hour is not None and not traffic:
            # What traffic costs changes as others come and go.
            assert quotas.spent(plain, there) <= cost.micro(cost.exact(quota.cost_per_hour))


def check_skew(plain):
    """Where no node changed and nothing ended, all is as even as it was placed."""
    for load in plain.workloads.values():
        for term in load.placement.spread:
            if not term.weight and load.mode != "global":
                able = [one for one in plain.nodes if not any(fixed(plain, load, one))]
                shares = shares_of(plain, load, term, able).values() or [0]
                assert max(shares) - min(shares) <= term.max_skew


def check_empty(columns, nodes):
    """After all was released, the columns are as those of a fleet on which nothing ever was."""
    fresh = boxes.fleet(*nodes)
    assert columns.ids() == fresh.ids()
    mine, new = columns.rows(), fresh.rows()
    for resource in Resource:
        assert np.array_equal(columns.free(resource, mine), fresh.free(resource, new))
    assert not columns.instances(mine).any()
    assert np.array_equal(columns.accelerators_idle(mine), fresh.accelerators_idle(new))
    for text in PORTS:
        assert columns.port_free(Port.parse(text), mine).all()
    for kind in ("gpu", "npu", "camera", "usb"):
        for one, other in zip(mine.tolist(), new.tolist(), strict=True):
            assert columns.state(kind, one) == fresh.state(kind, other)
    assert not any(columns.assigned(one) for one in columns.ids())
    assert not any(columns.instances_of(name) for name in NAMES)
