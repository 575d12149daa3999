import pytest

from domain.authoring import Authoring
from tests.domain.stored import LATER
from tests.fakes import FakeExperiments, FakeVariants, Memory


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def authoring(memory: Memory) -> Authoring:
    return Authoring(FakeExperiments(memory), FakeVariants(memory), lambda: LATER)
