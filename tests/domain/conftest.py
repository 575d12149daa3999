import pytest

from domain.accounts import Accounts
from domain.authoring import Authoring
from domain.experiments import Experiment
from tests.domain.household import World, inhabited
from tests.domain.stored import LATER
from tests.domain.street import Street, checkout_of
from tests.fakes import FakeExperiments, FakeVariants, Memory


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def authoring(memory: Memory) -> Authoring:
    return Authoring(FakeExperiments(memory), FakeVariants(memory), lambda: LATER)


@pytest.fixture
async def street() -> Street:
    return Street()


@pytest.fixture
async def checkout(street: Street) -> Experiment:
    return checkout_of(street)


@pytest.fixture
def world() -> World:
    """Of Ada, who owns the project, and Bob, who is disabled."""
    return inhabited()


@pytest.fixture
def accounts(world: World) -> Accounts:
    return world.accounts
