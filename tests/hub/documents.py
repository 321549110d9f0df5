"""A document of each kind, with every field, for the tests of whatever handles them."""

from skerry_hub.documents import (
    Dataset,
    Egress,
    Endpoint,
    Policy,
    Prices,
    Quota,
    Reservation,
    Window,
)

START = 1_803_938_400.0
"""2027-03-01T22:00:00Z."""

POLICY = Policy(
    name="eu-only",
    selector="tier=web,stage!=test",
    projects=("shop",),
    required=("node.labels.environment == cloud",),
    forbidden=("node.hardware.memory.total_bytes < 4GiB",),
    residency={"region": ("eu-west", "eu-north")},
    registries=("registry.example/team/",),
    max_priority=-5,
    quota=Quota(
        instances=20,
        cpu_milli=16_500,
        memory_bytes=64 * 2**30,
        storage_bytes=2**40,
        devices={"gpu": 4},
        cost_per_hour=12.5,
    ),
)
PRICES = Prices(
    name="cloud",
    nodes=("node.labels.environment == cloud",),
    node_hour=0.02,
    cpu_hour=0.031,
    gib_hour=0.004,
    storage_gib_hour=0.0001,
    device_hour={"gpu": 1.2},
    egress=(Egress(to="plant", per_gb=0.09), Egress(per_gb=0.05)),
    watts_per_cpu=8.0,
    kwh=0.3,
    carbon_g_per_kwh=380.0,
    carbon_per_kg=0.05,
)
DATASET = Dataset(
    name="maps",
    size_bytes=120 * 2**30,
    places={"site": ("quay-3",), "node": ("box-1", "box-2")},
    bandwidth_mbit=1000.0,
)
ENDPOINT = Endpoint(name="erp", host="erp.example", port=443)
RESERVATION = Reservation(
    name="night-batch",
    nodes=("node.labels.site == quay-3",),
    selector="tier=batch",
    cpu_milli=4000,
    memory_bytes=8 * 2**30,
    storage_bytes=100 * 2**30,
    start=START,
    end=START + 28_800,
)
WINDOW = Window(
    name="quay-3-night",
    nodes=("node.labels.site == quay-3",),
    start=START,
    duration_s=14_400.0,
    repeats="weekly",
    reason="firmware",
)
EVERY = (POLICY, PRICES, DATASET, ENDPOINT, RESERVATION, WINDOW)
