import pytest

from domain.accounts import Accounts
from domain.authoring import Authoring
from tests.domain.household import World, inhabited
from tests.domain.stored import LATER
from tests.fakes import FakeExperiments, FakeVariants, Memory


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def authoring(memory: Memory) -> Authoring:
    return Authoring(FakeExperiments(memory), FakeVariants(memory), lambda: LATER)


@pytest.fixture
def world() -> World:
    """Of Ada, who owns the project, and Bob, who is disabled."""
    return inhabited()


@pytest.fixture
def accounts(world: World) -> Accounts:
    return world.accounts
