"""A store of each kind, for who may ask and what was asked."""

import pytest

from skerry_hub.store_opening import open_store


@pytest.fixture
def store(database):
    store = open_store(database)
    yield store
    store.close()
