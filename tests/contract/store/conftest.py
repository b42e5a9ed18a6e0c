"""The store under test, one of each kind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backsoon.store.base import Store
from tests.contract.store.factories import FACTORIES, Factory
from tests.contract.store.values import House, furnish


@pytest.fixture(params=FACTORIES)
def kind(request: pytest.FixtureRequest) -> str:
    """The kind's name."""
    return str(request.param)


@pytest.fixture
def factory(kind: str) -> Factory:
    """Opens a store of the kind."""
    return FACTORIES[kind]


@pytest.fixture
async def store(factory: Factory, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store."""
    opened = await factory(tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
async def house(store: Store) -> House:
    """The store with two organisations: three people in `acme`, one in `other`, a calendar for each."""
    return await furnish(store)
