import pytest

from domain.access import TooManyAttempts
from domain.attempts import ALLOWED, PERIOD, Attempts
from tests.fake_people import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attempts(clock: Clock) -> Attempts:
    return Attempts(clock.seconds)


def used_up(attempts: Attempts, *names: str) -> None:
    for _ in range(ALLOWED):
        attempts.note(*names)


def taken(attempts: Attempts, name: str) -> int:
    """How many more could follow each other at once."""
    for number in range(2 * ALLOWED):
        try:
            attempts.note(name)
        except TooManyAttempts:
            return number
    raise AssertionError("attempts have no end")


def waits(attempts: Attempts, *names: str) -> int:
    with pytest.raises(TooManyAttempts) as refused:
        attempts.note(*names)
    return refused.value.retry_after


def test_ten_may_follow_each_other_at_once(attempts: Attempts) -> None:
    used_up(attempts, "ada")

    assert (ALLOWED, PERIOD) == (10, 300)
    assert waits(attempts, "ada") == 31


def test_after_the_time_that_was_told_there_is_one_more(attempts: Attempts, clock: Clock) -> None:
    used_up(attempts, "ada")

    clock.passed += waits(attempts, "ada")
    attempts.note("ada")

    assert waits(attempts, "ada") == 30


def test_a_refused_one_does_not_count(attempts: Attempts, clock: Clock) -> None:
    used_up(attempts, "ada")
    for _ in range(100):
        waits(attempts, "ada")

    clock.passed += PERIOD

    assert taken(attempts, "ada") == ALLOWED


def test_the_fullest_of_several_names_decides_and_the_others_are_not_charged(
    attempts: Attempts,
) -> None:
    used_up(attempts, "10.0.0.1")

    assert waits(attempts, "10.0.0.1", "ada") == 31
    assert taken(attempts, "ada") == ALLOWED


def test_names_do_not_share(attempts: Attempts) -> None:
    used_up(attempts, "ada")

    assert taken(attempts, "bob") == ALLOWED


def test_what_succeeded_is_forgotten(attempts: Attempts) -> None:
    used_up(attempts, "ada")

    attempts.forget("ada")

    assert taken(attempts, "ada") == ALLOWED


def test_time_never_gives_more_than_all(attempts: Attempts, clock: Clock) -> None:
    attempts.note("ada")
    clock.passed += 100 * PERIOD

    assert taken(attempts, "ada") == ALLOWED


def test_memory_is_bounded_whatever_callers_name(attempts: Attempts) -> None:
    used_up(attempts, "ada" + "a" * 1000)
    assert waits(attempts, "ada" + "a" * 1000 + "other end") == 31

    for number in range(10_001):
        attempts.note(str(number))

    assert taken(attempts, "10000") == ALLOWED - 1  # still there, and the eldest, ada, is not
    assert taken(attempts, "ada" + "a" * 1000) == ALLOWED
