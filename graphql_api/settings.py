"""All settings, read once from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any


class WrongSetting(Exception):
    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name} {message}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    database_url: str | None = None
    data_dir: Path = Path(".abgraph")
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    env: str = "development"
    log_level: str = "info"
    pool_size: int = 10
    prepared_statements: bool = True
    migrate: bool = True

    @property
    def is_production(self) -> bool:
        return self.env == "production"


_NAMES = {
    field.name: "DATABASE_URL" if field.name == "database_url" else f"ABGRAPH_{field.name.upper()}"
    for field in fields(Settings)
}
_CHOICES = {
    "env": ("development", "production"),
    "log_level": ("debug", "info", "warning", "error"),
    "prepared_statements": ("on", "off"),
    "migrate": ("on", "off"),
}
_RANGES = {"port": (0, 65_535), "workers": (1, 64), "pool_size": (1, 500)}


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Raises WrongSetting. An empty variable counts as one that is not set."""
    given = {name: environment.get(variable) for name, variable in _NAMES.items()}
    return with_values(Settings(), {name: text for name, text in given.items() if text})


def with_values(settings: Settings, texts: Mapping[str, str]) -> Settings:
    return replace(settings, **{name: _value(name, text) for name, text in texts.items()})


def as_environment(settings: Settings) -> dict[str, str]:
    """What a worker has to be started with, to have the same settings."""
    return {
        _NAMES[field.name]: _text(value)
        for field in fields(settings)
        if (value := getattr(settings, field.name)) is not None
    }


def inherited() -> dict[str, str]:
    return dict(os.environ)


def _value(name: str, text: str) -> Any:
    if name in _RANGES:
        return _number(name, text, *_RANGES[name])
    if name in _CHOICES and text not in _CHOICES[name]:
        allowed = " or ".join(_CHOICES[name])
        raise WrongSetting(_NAMES[name], f"is {text!r}: it must be {allowed}")
    if _CHOICES.get(name) == ("on", "off"):
        return text == "on"
    return Path(text) if name == "data_dir" else text


def _number(name: str, text: str, low: int, high: int) -> int:
    if not text.isdecimal() or not low <= int(text) <= high:
        raise WrongSetting(
            _NAMES[name], f"is {text!r}: it must be a whole number from {low} to {high}"
        )
    return int(text)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)
