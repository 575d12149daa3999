import pytest

from persistence.address import UnusableUrl, driver_url


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("postgresql://a:b@h:5433/d", "postgresql://a:b@h:5433/d"),
        ("postgres://a:b@h/d", "postgres://a:b@h/d"),
        ("postgresql+asyncpg://a:b@h/d", "postgresql://a:b@h/d"),
        ("postgresql:///d", "postgresql:///d"),
        ("postgresql://a:p%40ss%2Fw%23@h/d", "postgresql://a:p%40ss%2Fw%23@h/d"),
        ("postgresql://a@/d?host=/my%20data/run", "postgresql://a@/d?host=%2Fmy+data%2Frun"),
        ("postgresql://h1:1,h2:2/d", "postgresql://h1:1,h2:2/d"),
        ("postgresql://[::1]:5432/d", "postgresql://[::1]:5432/d"),
        ("postgresql://h/d?sslmode=require", "postgresql://h/d?sslmode=require"),
        ("postgresql+asyncpg://h/d?ssl=verify-full", "postgresql://h/d?sslmode=verify-full"),
        (
            "postgresql://h/d?sslmode=require&channel_binding=require&connect_timeout=10",
            "postgresql://h/d?sslmode=require",
        ),
    ],
)
def test_a_url_is_taken_as_people_write_it(written: str, taken: str) -> None:
    assert driver_url(written) == taken


@pytest.mark.parametrize(
    "written",
    [
        "",
        "abgraph",
        "mysql://a:secret@h/d",
        "sqlite:///secret.db",
        "postgresql+psycopg://a:secret@h/d",
        "postgresql://a:secret@h:port/d",
        "postgresql://a:sec#ret@h/d",
        "postgresql://a:sec/ret@h/d",
        "postgresql://a:sec@ret@h/d",
        "postgresql://a:secret@h/d?host",
        "postgresql://a:secret@[h/d",
    ],
)
def test_one_that_is_unusable_is_refused_without_its_password(written: str) -> None:
    with pytest.raises(UnusableUrl, match=r"^DATABASE_URL must look like postgresql://") as one:
        driver_url(written)

    assert "sec" not in str(one.value)
    assert one.value.__cause__ is None
