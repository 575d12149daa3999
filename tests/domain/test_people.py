import pytest

from domain.checks import Checks
from domain.people import check_email, check_password, normalised
from tests.domain.refusals import Fault, faults


def email_faults(email: str) -> list[Fault]:
    checks = Checks()
    check_email(checks, ("email",), email)
    return faults(checks.done)


def password_faults(password: str) -> list[Fault]:
    checks = Checks()
    check_password(checks, ("password",), password)
    return faults(checks.done)


def test_addresses_compare_without_regard_to_capitals() -> None:
    assert normalised(" Ada@Shop.EXAMPLE\n") == "ada@shop.example"


@pytest.mark.parametrize("email", ["a@b", "ada+x@shop.example", "ä@ö.example", "a" * 252 + "@b"])
def test_an_address(email: str) -> None:
    assert email_faults(email) == []


@pytest.mark.parametrize("email", ["ada", "@b", "a@", "a@b@c", "a b@c", "a@b c", "a@b\u00a0c"])
def test_no_address(email: str) -> None:
    assert email_faults(email) == [(("email",), "is no e-mail address")]


@pytest.mark.parametrize(
    ("email", "fault"),
    [
        ("a@\0b", "must not hold the character NUL"),
        ("a@b\ud800", "must not hold half of a surrogate pair"),
        ("a" * 253 + "@b", "has 255 characters: at most 254 are allowed"),
        ("a@\x07b", "must not hold control characters or line breaks"),
    ],
    ids=["nul", "surrogate", "long", "bell"],
)
def test_an_address_that_cannot_be_kept(email: str, fault: str) -> None:
    assert email_faults(email) == [(("email",), fault)]


@pytest.mark.parametrize("length", [10, 1000])
def test_a_password(length: int) -> None:
    assert password_faults(" " * length) == []


@pytest.mark.parametrize("length", [0, 9, 1001])
def test_no_password(length: int) -> None:
    fault = (("password",), "must have 10 to 1000 characters")

    assert password_faults("x" * length) == [fault]


def test_a_password_is_unicode() -> None:
    assert password_faults("x" * 9 + "\ud800") == [
        (("password",), "must not hold half of a surrogate pair")
    ]
