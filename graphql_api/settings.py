"""All settings, read once from the environment."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from domain.errors import StartFault
from graphql_api.bounds import Bounds


class WrongSetting(StartFault):
    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name} {message}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Bounds):
    database_url: str | None = None
    data_dir: Path = Path(".abgraph")
    secret_key: str | None = field(default=None, repr=False)
    secret_key_file: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    env: str = "development"
    log_level: str = "info"
    pool_size: int = 10
    prepared_statements: bool = True
    migrate: bool = True
    trusted_documents: Path | None = None
    metrics: str = "local"
    otel: bool = False
    grace: int = 3
    bootstrap_email: str = "admin@localhost"
    bootstrap_password: str | None = field(default=None, repr=False)
    bootstrap_server_key: str | None = field(default=None, repr=False)
    bootstrap_tracker_key: str | None = field(default=None, repr=False)

    @property
    def is_production(self) -> bool:
        return self.env == "production"


_PREFIX = "ABGRAPH_"
VARIABLES = {
    known.name: "DATABASE_URL" if known.name == "database_url" else _PREFIX + known.name.upper()
    for known in fields(Settings)
}
_CHOICES = {
    "env": ("development", "production"),
    "log_level": ("debug", "info", "warning", "error"),
    "prepared_statements": ("on", "off"),
    "migrate": ("on", "off"),
    "metrics": ("local", "open", "off"),
    "otel": ("on", "off"),
}
_RANGES = {
    "port": (0, 65_535),
    "workers": (1, 64),
    "pool_size": (1, 500),
    "grace": (0, 600),
    **{bound.name: (1, 10**9 - 1) for bound in fields(Bounds)},
}
_PATHS = ("data_dir", "secret_key_file", "trusted_documents")
_MOST_DIGITS = 9


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Raises WrongSetting. An empty or blank variable counts as one that is not set."""
    given = {name: environment.get(variable, "") for name, variable in VARIABLES.items()}
    texts = {name: text for name, text in given.items() if text.strip()}
    return _changed(Settings(), texts, VARIABLES.__getitem__)


def with_flags(settings: Settings, flags: Mapping[str, str]) -> Settings:
    return _changed(settings, flags, lambda name: f"--{name.replace('_', '-')}")


def unknown_variables(environment: Mapping[str, str] = os.environ) -> Sequence[str]:
    """A sentence for each variable that looks like a setting and is none."""
    ours = (name for name in environment if name.startswith(_PREFIX))
    return [_unknown(name) for name in sorted(ours) if name not in VARIABLES.values()]


def as_environment(settings: Settings) -> dict[str, str]:
    """What a worker has to be started with, to have the same settings."""
    values = {name: getattr(settings, name) for name in VARIABLES}
    return {VARIABLES[name]: _text(value) for name, value in values.items() if value is not None}


def traces_exporter(environment: Mapping[str, str] = os.environ) -> str:
    """By the variable that OpenTelemetry has for it."""
    return environment.get("OTEL_TRACES_EXPORTER", "").strip() or "otlp"


def inherited() -> dict[str, str]:
    return dict(os.environ)


def _changed(
    settings: Settings, texts: Mapping[str, str], source: Callable[[str], str]
) -> Settings:
    return replace(
        settings,
        **{name: _value(name, text.strip(), source(name)) for name, text in texts.items()},
    )


def _value(name: str, text: str, source: str) -> Any:
    if not text:
        raise WrongSetting(source, "is empty")
    if name in _RANGES:
        return _number(text, source, *_RANGES[name])
    if name in _CHOICES:
        return _choice(text, source, _CHOICES[name])
    return Path(text) if name in _PATHS else text


def _number(text: str, source: str, low: int, high: int) -> int:
    plain = text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
    if not plain or not low <= int(text) <= high:
        raise WrongSetting(source, f"is {text!r}: it must be a whole number from {low} to {high}")
    return int(text)


def _choice(text: str, source: str, allowed: tuple[str, ...]) -> str | bool:
    chosen = text.lower()
    if chosen not in allowed:
        words = ", ".join(allowed[:-1]) + f" or {allowed[-1]}"
        raise WrongSetting(source, f"is {text!r}: it must be {words}")
    return chosen == "on" if "on" in allowed else chosen


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def _unknown(name: str) -> str:
    meant = {variable.removeprefix(_PREFIX): variable for variable in VARIABLES.values()}
    near = get_close_matches(name.removeprefix(_PREFIX), meant, n=1)
    hint = f": is {meant[near[0]]} meant?" if near else ""
    return f"{name} is not a setting of abgraph and changes nothing{hint}"
