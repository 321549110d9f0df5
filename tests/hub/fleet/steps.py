"""Random changes of columns: nodes that come, change and go, and what is reserved of them."""

from hypothesis import strategies as st
from tests.hub.placement.boxes import accelerator, assignment, node, workload

from skerry_hub.model import Hold, Liveness

ACCELERATORS = st.sampled_from([(), ("1",), ("1", "2")])
NODES = st.builds(
    lambda name, cpus, found, site, online, failed, last_seen, again: node(
        name,
        cpus=cpus,
        accelerators=[accelerator(one) for one in found],
        hub_labels={} if site is None else {"site": site},
        liveness=Liveness.ONLINE if online else Liveness.LOST,
        diverged="behind" if failed else None,
        last_seen=last_seen,
        incarnation="f" * 32 if again else "e" * 32,
    ),
    st.sampled_from("abcd"),
    st.sampled_from([None, 1, 4]),
    ACCELERATORS,
    st.sampled_from([None, "quay", "pier"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0.0, 5.0, 10.0]),
    st.booleans(),
)
ASSIGNMENTS = st.builds(
    lambda index, name, load, held: assignment(
        f"{load}-{index}",
        name,
        of=workload(load, cpu=100 * index, ports=("tcp/80",) if index else ("udp/80",)),
        held=tuple(Hold(device=f"gpu/{one}", milli=milli) for one, milli in held),
    ),
    st.integers(0, 2),
    st.sampled_from("abcd"),
    st.sampled_from(["x", "shop-db"]),
    st.lists(st.tuples(st.sampled_from("12"), st.sampled_from([300, 1000])), max_size=2),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), NODES),
        st.tuples(st.just("remove"), st.sampled_from("abcd")),
        st.tuples(st.just("reserve"), ASSIGNMENTS),
        st.tuples(st.just("release"), ASSIGNMENTS),
    ),
    max_size=8,
)


def act(columns, steps):
    """Carry out changes in turn."""
    for step, what in steps:
        getattr(columns, step)(what)
