"""The settings, read from the environment once at the start; a bad value stops it with one line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import sqlalchemy as sa
from pydantic import AliasChoices, BeforeValidator, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cascade.display import is_whole
from cascade.errors import BadSetting

DEFAULT_DATABASE = "sqlite:///data/arc-studio.db"
DEFAULT_MODEL = "gpt-4.1-mini"


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


class Settings(BaseSettings):
    """All settings; the README's table says what each is for. An empty variable counts as unset."""

    model_config = SettingsConfigDict(
        env_prefix="CASCADE_", env_ignore_empty=True, extra="ignore", frozen=True
    )

    database_url: str = DEFAULT_DATABASE
    samples: Annotated[Literal["on", "off"], BeforeValidator(_lower)] = "on"
    provider: Annotated[Literal["auto", "openai", "offline"], BeforeValidator(_lower)] = "auto"
    openai_api_key: str | None = Field(
        default=None, validation_alias=AliasChoices("OPENAI_API_KEY"), repr=False
    )
    openai_base_url: str | None = Field(
        default=None, validation_alias=AliasChoices("OPENAI_BASE_URL")
    )
    model: str = DEFAULT_MODEL
    price_prompt: float | None = Field(default=None, ge=0)
    price_cached: float | None = Field(default=None, ge=0)
    price_completion: float | None = Field(default=None, ge=0)
    price_currency: str = "USD"
    concurrency: int = Field(default=4, ge=1, le=64)
    requests_per_minute: int | None = Field(default=None, ge=1)
    timeout_s: float = Field(default=60, gt=0, le=3600)
    offline_delay_ms: int = Field(default=300, ge=0, le=600_000)
    user: str = "editor"
    worker: Annotated[Literal["embedded", "external"], BeforeValidator(_lower)] = "embedded"

    @field_validator("openai_base_url")
    @classmethod
    def _has_scheme(cls, value: str | None) -> str | None:
        # The client takes an address without a scheme and fails at the first call, much later.
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme not in ("http", "https") or not parts.netloc:
                raise ValueError("must begin with http:// or https:// and name a host")
        return value

    @property
    def writer(self) -> Literal["openai", "offline"]:
        """Which provider `auto` comes to: a model where a key or a server is set, else offline."""
        if self.provider != "auto":
            return self.provider
        return "openai" if self.openai_api_key or self.openai_base_url else "offline"

    @property
    def sqlite_path(self) -> Path | None:
        """The database file, if the database is SQLite in a file."""
        prefix = "sqlite:///"
        if self.database_url.startswith(prefix):
            return Path(self.database_url.removeprefix(prefix))
        return None


def load_settings() -> Settings:
    """The settings of this process. Raises BadSetting, naming the variable and what it may hold."""
    for name, value in os.environ.items():
        if name.startswith(("CASCADE_", "OPENAI_")) and not is_whole(value):
            raise BadSetting(f"{name} is not UTF-8. Set it again in that encoding.")
    try:
        settings = Settings()
    except ValidationError as error:
        raise BadSetting(_one_line(error)) from None
    if settings.writer == "openai" and not (settings.openai_api_key or settings.openai_base_url):
        raise BadSetting(
            "CASCADE_PROVIDER is openai, but neither OPENAI_API_KEY nor OPENAI_BASE_URL is set. "
            "Set one of them, or CASCADE_PROVIDER=offline."
        )
    if not settings.database_url.startswith(
        ("sqlite:///", "postgresql://", "postgresql+psycopg2:")
    ):
        raise BadSetting(
            "CASCADE_DATABASE_URL must begin with sqlite:/// or postgresql://, "
            "for example sqlite:///data/arc-studio.db."
        )
    try:
        sa.make_url(settings.database_url)
    except (sa.exc.ArgumentError, ValueError):
        # Not repeated: it may hold a password.
        raise BadSetting(
            "CASCADE_DATABASE_URL cannot be read as an address. It is to look like "
            "postgresql://user:password@host:5432/name; a sign like @ or : in the password is "
            "written as %40 or %3A."
        ) from None
    return settings


def _one_line(error: ValidationError) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0])
    variable = name.upper() if name.upper().startswith("OPENAI") else f"CASCADE_{name.upper()}"
    # The API key is the one value that must not be repeated.
    shown = "" if "KEY" in variable else f' (it is "{os.environ.get(variable, first["input"])}")'
    return f"{variable} cannot be used{shown}: {first['msg'].removeprefix('Value error, ')}."
