"""Amounts, numbers and devices of nodes, as far as they are for what may move."""

import numpy as np
from tests.hub.placement import boxes
from tests.hub.rebalance.fleets import node, uneven, work_of, workload

from skerry_hub.rebalance.room import NUMBER, Room
from skerry_hub.terms import DeviceRequest

GPUS = DeviceRequest(kind="gpu", count=2)


def room_of(nodes, workloads, moving=(), each=1):
    work = work_of(uneven(nodes, workloads, []))
    rows = np.sort(work.columns.rows())
    return Room(work.columns, rows, workloads, moving, each)


def test_what_an_instance_takes_by_dimension():
    load = workload(cpu=500, memory=2**20, storage=7, accelerators=(GPUS, GPUS))
    room = room_of([node("n0", gpus=4)], [load], each=20)
    assert room.demand(load).tolist() == [500, 2**20, 7, 20, 4]
    assert room.demand(load) is room.demand(load)
    assert room.dimensions == NUMBER + 2


def test_what_nodes_have_is_what_is_free_and_what_the_moving_have():
    load = workload(cpu=500, accelerators=(GPUS,))
    nodes = [node("n0", gpus=3)]
    room = room_of(nodes, [load], moving={"shop-web-0"})
    taken = room.demand(load)[None, :]
    assert room.totals().tolist() == [[4000, 4 * boxes.GIB, 32 * boxes.GIB]]
    assert room.free().tolist() == [[3500, 4 * boxes.GIB, 32 * boxes.GIB]]
    # All of it: nothing else is there.
    assert room.capacity(taken, 5).tolist() == [[4000, 4 * boxes.GIB, 32 * boxes.GIB, 5, 3]]
    # Where it stays, its room is not for others.
    stays = room_of(nodes, [load])
    assert stays.capacity(0 * taken, 5)[0, [0, NUMBER, 4]].tolist() == [3500, 4, 1]
    assert stays.capacity(0 * taken, 0)[0, NUMBER] == 0


def test_a_node_is_full_by_number_at_twice_the_mean_or_at_the_most_there_is():
    nodes = [node(f"n{index}") for index in range(4)]
    assert room_of(nodes, [], each=16).most_instances() == 8
    assert room_of(nodes, [workload(replicas=18)]).most_instances() == 10
    assert room_of(nodes, [workload(replicas=18)], each=16).most_instances() == 16
    one = [workload("shop-v", replicas=11), workload("shop-w", mode="global")]
    assert room_of(nodes[:1], one, each=8).most_instances() == 24
    crowded = room_of(nodes, [workload(replicas=4)])
    crowded.instances[0] = 30
    assert crowded.most_instances() == 30
