from dataclasses import fields
from pathlib import Path

import pytest

from graphql_api.bounds import Bounds
from graphql_api.settings import (
    Settings,
    WrongSetting,
    as_environment,
    from_environment,
    unknown_variables,
    with_flags,
)
from tests.secret import SECRET_KEY

NINES = "9" * 5000


def test_without_variables_everything_has_a_default() -> None:
    assert from_environment({}) == Settings()


def test_each_variable_sets_what_it_names() -> None:
    assert from_environment(
        {
            "DATABASE_URL": "postgresql://anna@db/abgraph",
            "ABGRAPH_DATA_DIR": "/srv/abgraph",
            "ABGRAPH_HOST": "::1",
            "ABGRAPH_PORT": "9000",
            "ABGRAPH_WORKERS": "4",
            "ABGRAPH_ENV": "production",
            "ABGRAPH_LOG_LEVEL": "warning",
            "ABGRAPH_POOL_SIZE": "20",
            "ABGRAPH_PREPARED_STATEMENTS": "off",
            "ABGRAPH_MIGRATE": "off",
            "ABGRAPH_GRACE": "30",
            "ABGRAPH_SECRET_KEY": SECRET_KEY,
            "ABGRAPH_SECRET_KEY_FILE": "/run/secrets/abgraph",
        }
    ) == Settings(
        database_url="postgresql://anna@db/abgraph",
        data_dir=Path("/srv/abgraph"),
        host="::1",
        port=9000,
        workers=4,
        env="production",
        log_level="warning",
        pool_size=20,
        prepared_statements=False,
        migrate=False,
        grace=30,
        secret_key=SECRET_KEY,
        secret_key_file=Path("/run/secrets/abgraph"),
    )


@pytest.mark.parametrize("text", ["", " ", "\t\n"])
def test_an_empty_variable_counts_as_unset(text: str) -> None:
    names = ("DATABASE_URL", "ABGRAPH_DATA_DIR", "ABGRAPH_PORT", "ABGRAPH_ENV", "ABGRAPH_MIGRATE")

    assert from_environment(dict.fromkeys(names, text)) == Settings()


def test_space_around_a_value_and_the_case_of_a_word_do_not_matter() -> None:
    environment = {"ABGRAPH_PORT": " 9000\n", "ABGRAPH_LOG_LEVEL": "INFO", "ABGRAPH_MIGRATE": "Off"}

    assert from_environment(environment) == Settings(port=9000, log_level="info", migrate=False)


@pytest.mark.parametrize("text", ["-1", "65536", "8e3", "80.0", "0x50", "٨٠٠٠", "²", NINES])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(WrongSetting) as refused:
        from_environment({"ABGRAPH_PORT": text})

    expected = f"ABGRAPH_PORT is {text!r}: it must be a whole number from 0 to 65535"
    assert str(refused.value) == expected


@pytest.mark.parametrize(
    ("variable", "text", "sentence"),
    [
        ("ABGRAPH_WORKERS", "0", "is '0': it must be a whole number from 1 to 64"),
        ("ABGRAPH_POOL_SIZE", "0", "is '0': it must be a whole number from 1 to 500"),
        ("ABGRAPH_GRACE", "-3", "is '-3': it must be a whole number from 0 to 600"),
        ("ABGRAPH_ENV", "prod", "is 'prod': it must be development or production"),
        ("ABGRAPH_LOG_LEVEL", "loud", "is 'loud': it must be debug, info, warning or error"),
        ("ABGRAPH_MIGRATE", "yes", "is 'yes': it must be on or off"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(
    variable: str, text: str, sentence: str
) -> None:
    with pytest.raises(WrongSetting) as refused:
        from_environment({variable: text})

    assert str(refused.value) == f"{variable} {sentence}"


def test_a_flag_wins_over_the_variable() -> None:
    settings = from_environment({"ABGRAPH_PORT": "9000", "ABGRAPH_HOST": "::1"})

    assert with_flags(settings, {"port": "9001"}) == Settings(port=9001, host="::1")


@pytest.mark.parametrize(("text", "reason"), [("loud", "is 'loud'"), ("", "is empty")])
def test_a_wrong_flag_is_named_as_a_flag(text: str, reason: str) -> None:
    with pytest.raises(WrongSetting, match=f"^--log-level {reason}"):
        with_flags(Settings(), {"log_level": text})


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings(
            database_url="postgresql:///abgraph?host=/a b",
            data_dir=Path("/a b"),
            port=0,
            workers=2,
            env="production",
            prepared_statements=False,
            migrate=False,
            grace=0,
            secret_key=SECRET_KEY,
            secret_key_file=Path("/a key"),
        ),
    ],
    ids=["defaults", "changed"],
)
def test_a_worker_gets_the_settings_of_its_parent(settings: Settings) -> None:
    assert from_environment(as_environment(settings)) == settings


def test_a_misspelt_variable_is_pointed_out() -> None:
    environment = {"ABGRAPH_PROT": "9000", "ABGRAPH_PORT": "9000", "ABGRAPH_X": "", "PATH": "/bin"}

    assert unknown_variables(environment) == [
        "ABGRAPH_PROT is not a setting of abgraph and changes nothing: is ABGRAPH_PORT meant?",
        "ABGRAPH_X is not a setting of abgraph and changes nothing",
    ]


@pytest.mark.parametrize("bound", [bound.name for bound in fields(Bounds)])
def test_each_bound_is_a_setting(bound: str) -> None:
    variable = f"ABGRAPH_{bound.upper()}"

    chosen = from_environment({variable: "7"})
    with pytest.raises(WrongSetting) as refused:
        from_environment({variable: "0"})

    assert getattr(chosen, bound) == 7
    assert str(refused.value) == (
        f"{variable} is '0': it must be a whole number from 1 to 999999999"
    )


def test_trusted_documents_are_named_by_a_path() -> None:
    settings = from_environment({"ABGRAPH_TRUSTED_DOCUMENTS": "/srv/manifest.json"})

    assert settings.trusted_documents == Path("/srv/manifest.json")
    assert from_environment(as_environment(settings)) == settings


def test_secrets_are_not_shown() -> None:
    shown = repr(Settings(secret_key=SECRET_KEY, bootstrap_password=SECRET_KEY))

    assert SECRET_KEY not in shown
