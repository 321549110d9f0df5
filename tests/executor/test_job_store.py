"""What is remembered of jobs."""

import os

import pytest
from tests.executor.orders import instance

from skerry_executor import job_store
from skerry_executor.job import JobRecord, content_of
from skerry_executor.job_store import FILE
from skerry_executor.state import StateError

ONE = JobRecord(
    instance="a-0",
    content=content_of(instance("a-0")),
    state="waiting",
    runs=2,
    attempts=3,
    succeeded=False,
    exit_code=137,
    reason="web ended with 137",
    boot_id="b",
    begun_s=1.5,
    moments=(60.0, 120.0),
)


def test_records_come_back_and_are_forgotten_with_their_order(tmp_path):
    folder = tmp_path / "state"
    assert job_store.load(folder) == {}
    job_store.save(folder, {"a-0": ONE})
    assert job_store.load(folder) == {"a-0": ONE}
    job_store.save(folder, {})
    assert job_store.load(folder) == {}


@pytest.mark.parametrize("damage", [lambda d: d[:-3], lambda d: b"x" + d, lambda d: d + b"\0"])
def test_a_damaged_file_is_put_aside(tmp_path, damage):
    job_store.save(tmp_path, {"a-0": ONE})
    path = tmp_path / FILE
    path.write_bytes(damage(path.read_bytes()))
    assert job_store.load(tmp_path) == {}
    assert (tmp_path / (FILE + ".damaged")).exists()
    assert not path.exists()
    job_store.save(tmp_path, {"a-0": ONE})
    assert job_store.load(tmp_path) == {"a-0": ONE}


def test_what_cannot_be_written_is_an_error_and_the_old_one_counts(tmp_path):
    job_store.save(tmp_path, {"a-0": ONE})
    os.mkdir(tmp_path / (FILE + ".new"))
    with pytest.raises(StateError, match="cannot be written"):
        job_store.save(tmp_path, {})
    assert job_store.load(tmp_path) == {"a-0": ONE}


def test_the_records_of_as_many_jobs_as_an_order_has_fit(tmp_path):
    many = {
        f"{'a' * 120}-{n}": JobRecord(
            instance=f"{'a' * 120}-{n}", content="c" * 16, reason="r" * 1000, moments=(1.5,) * 8
        )
        for n in range(512)
    }
    job_store.save(tmp_path, many)
    assert job_store.load(tmp_path) == many
