"""The settings, read from the environment once at the start; a bad value stops it with one line."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, unquote, urlsplit

import sqlalchemy as sa
from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from cascade.display import is_whole
from cascade.errors import BadSetting

DEFAULT_DATABASE = "sqlite:///data/cascade.db"
# The default file's name until the program had its present one.
EARLIER_DEFAULT = Path("data/arc-studio.db")
DEFAULT_MODEL = "gpt-4.1-mini"

# How the keys of model servers, and of what lies beside them in an environment, begin.
_KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:sk|pk|rk|gsk|xai|hf|nvapi|pplx|fw|r8|tgp|csk|ghp|gho|glpat|xox[bp])[-_]\w{3}"
    r"|AIza\w{8}|eyJ[\w-]{8}|AKIA[A-Z0-9]{8}"
)
# What can be repeated to whoever set it: a word, a number with a unit, the address of a server.
_WORD = re.compile(r"[A-Za-z]{0,12}")
_NUMBER = re.compile(r"[-+]?[\d.,]{1,12}[A-Za-z%]{0,3}")
_ADDRESS = re.compile(
    r"(?:[a-z]{1,8}://)?(?:[\w-]{1,30}(?:\.[\w-]{1,30}){0,5}|\[[0-9a-f:.]{0,45}\]?)?(?::\d{1,5})?"
    r"(?:/[\w./-]{0,40})?",
    re.IGNORECASE,
)
_ORIGIN = re.compile(r"https?://(?:[\w-]+(?:\.[\w-]+)*|\[[0-9a-f:.]+\])(?::\d{1,5})?")
# A role in a project, and an admin's, as a claim's value is mapped to it.
_MEMBER = re.compile(r"(\S.*?)\s*=\s*(viewer|editor|producer)\s*@\s*(\S.*)", re.IGNORECASE)
_ADMIN = re.compile(r"(\S.*?)\s*=\s*admin", re.IGNORECASE)
_LONGEST_NAME = 200
_ADDRESSES = ("sqlite:///", "postgresql://", "postgres://", "postgresql+psycopg2:")


def default_database() -> str:
    """The address where none is set; a file of the earlier default name is found and used."""
    is_new = not Path("data/cascade.db").exists()
    return (
        f"sqlite:///{EARLIER_DEFAULT}" if is_new and EARLIER_DEFAULT.exists() else DEFAULT_DATABASE
    )


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _no_key(value: str) -> str:
    # Such a value is shown to everybody, and kept with what was written.
    if _KEY.search(value):
        raise ValueError("looks like a key, which belongs in OPENAI_API_KEY alone")
    if len(value) > _LONGEST_NAME or not value.isprintable():
        raise ValueError(f"may have {_LONGEST_NAME} signs at most, and each of them printable")
    return value


def _origins(value: object) -> object:
    """Origins as they are written, one after the other with spaces or commas between them."""
    if not isinstance(value, str):
        return value
    found = tuple(one.rstrip("/").lower() for one in re.split(r"[\s,]+", value.strip()) if one)
    for one in found:
        if not _ORIGIN.fullmatch(one):
            raise ValueError(
                "must be origins such as https://example.org, with a comma between two"
            )
    return found


@dataclass(frozen=True, slots=True)
class ClaimedRole:
    """What a claim's value makes of who signs in: a role in a project, or without one an admin."""

    value: str
    role: str
    project: str | None = None


def _claimed_roles(value: object) -> object:
    """Roles as they are written: `value=role@project` or `value=admin`, with commas between them.

    A value may hold `=` and `@`, a project too; neither a comma.
    """
    if not isinstance(value, str):
        return value
    found = []
    for n, one in enumerate(filter(None, map(str.strip, value.split(","))), 1):
        member, admin = _MEMBER.fullmatch(one), _ADMIN.fullmatch(one)
        if member is not None:
            of, role, project = (part.strip() for part in member.groups())
            found.append(ClaimedRole(of, role.lower(), project))
        elif admin is not None:
            found.append(ClaimedRole(admin.group(1).strip(), "admin"))
        else:
            raise ValueError(
                "must be such as writers=editor@Sample Project, owners=admin, and the "
                f"{n}. of it is not"
            )
    return tuple(found)


Shown = Annotated[str, AfterValidator(_no_key)]


class Settings(BaseSettings):
    """All settings; the README's table says what each is for. An empty variable counts as unset."""

    model_config = SettingsConfigDict(
        env_prefix="CASCADE_", env_ignore_empty=True, extra="ignore", frozen=True
    )

    database_url: str = Field(default_factory=default_database, repr=False)
    executor_url: str | None = Field(default=None, repr=False)
    samples: Annotated[Literal["on", "off"], BeforeValidator(_lower)] = "on"
    provider: Annotated[Literal["auto", "openai", "offline"], BeforeValidator(_lower)] = "auto"
    openai_api_key: str | None = Field(
        default=None, validation_alias=AliasChoices("OPENAI_API_KEY"), repr=False
    )
    openai_base_url: str | None = Field(
        default=None, validation_alias=AliasChoices("OPENAI_BASE_URL"), repr=False
    )
    model: Shown = DEFAULT_MODEL
    temperature: float | None = Field(default=None, ge=0, le=2)
    reasoning_effort: Annotated[
        Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None,
        BeforeValidator(_lower),
    ] = None
    price_prompt: float | None = Field(default=None, ge=0)
    price_cached: float | None = Field(default=None, ge=0)
    price_completion: float | None = Field(default=None, ge=0)
    price_currency: Shown = "USD"
    concurrency: int = Field(default=6, ge=1, le=64)
    requests_per_minute: int | None = Field(default=None, ge=1)
    timeout_s: float = Field(default=60, gt=0, le=3600)
    offline_delay_ms: int = Field(default=300, ge=0, le=600_000)
    user: Shown = "editor"
    language: Annotated[Literal["en", "id"], BeforeValidator(_lower)] = "en"
    product: Path | None = None
    worker: Annotated[Literal["embedded", "external"], BeforeValidator(_lower)] = "embedded"
    most_body_bytes: int = Field(default=1_000_000, ge=1_000, le=100_000_000)
    starts_per_minute: int = Field(default=60, ge=1, le=100_000)
    watchers: int = Field(default=250, ge=1, le=100_000)
    request_days: int = Field(default=30, ge=1, le=3650)
    sign_in_project: Shown | None = None
    role_claim: Shown = "roles"
    roles: Annotated[tuple[ClaimedRole, ...], NoDecode, BeforeValidator(_claimed_roles)] = ()
    webhook_url: str | None = Field(default=None, repr=False)
    webhook_secret: str | None = Field(default=None, repr=False, min_length=16)
    cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_origins)] = ()

    @field_validator("openai_base_url")
    @classmethod
    def _has_scheme(cls, value: str | None) -> str | None:
        # The client takes an address without a scheme and fails at the first call, much later.
        if value is not None:
            parts = urlsplit(value.strip())
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError("must begin with http:// or https:// and name a host")
            try:
                _ = parts.port  # It is read, and may be none, only when it is asked for.
            except ValueError:
                raise ValueError("must have a number from 0 to 65535 as its port") from None
            # The client writes the address of each request into its log.
            if parts.query or parts.fragment:
                raise ValueError("must end with the path, without a ? or # and what follows it")
        return value

    @field_validator("webhook_url")
    @classmethod
    def _can_be_posted_to(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                parts = urlsplit(value.strip())
                _ = parts.port
            except ValueError:
                raise ValueError("must be an address of a server") from None
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
                raise ValueError("must begin with http:// or https:// and name a host, no user")
        return value and value.strip()

    @field_validator("openai_api_key")
    @classmethod
    def _can_be_sent(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[\x21-\x7e]*", value.strip()):
            raise ValueError(
                "holds a sign that no key has, a space or a typographic one for example"
            )
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


def parse_address(address: str) -> sa.URL:
    """A database's address in its parts; a password may hold `@ / % # :` as they are, or as `%40`.

    Raises ArgumentError or ValueError where it is none.
    """
    place, mark, options = address.partition("?")
    scheme, _, rest = place.partition("://")
    user, at, where = rest.rpartition("@")
    if not at:
        return sa.make_url(address)
    name, colon, password = user.partition(":")
    # What is escaped already is not escaped again.
    kept = quote(unquote(name), safe="") + colon + quote(unquote(password), safe="")
    return sa.make_url(f"{scheme}://{kept}@{where}{mark}{options}")


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
    if (settings.webhook_url is None) != (settings.webhook_secret is None):
        raise BadSetting(
            "CASCADE_WEBHOOK_URL and CASCADE_WEBHOOK_SECRET go together: what is sent is signed. "
            "Set both or neither."
        )
    _check_address("CASCADE_DATABASE_URL", settings.database_url)
    if settings.executor_url is not None:
        _check_address("CASCADE_EXECUTOR_URL", settings.executor_url)
    return settings


def _check_address(variable: str, address: str) -> None:
    if not address.startswith(_ADDRESSES):
        raise BadSetting(
            f"{variable} must begin with sqlite:/// or postgresql://, "
            "for example sqlite:///data/cascade.db."
        )
    try:
        parse_address(address)
    except (sa.exc.ArgumentError, ValueError):
        # Not repeated: it may hold a password.
        raise BadSetting(
            f"{variable} cannot be read as an address. It is to look like "
            "postgresql://user:password@host:5432/name; a sign like @ or ? in the password is "
            "written as %40 or %3F."
        ) from None


def _one_line(error: ValidationError) -> str:
    # What pydantic says repeats no value by itself, but its account of one that has its own words.
    first = error.errors(include_url=False, include_context=False)[0]
    name = str(first["loc"][0])
    variable = name.upper() if name.upper().startswith("OPENAI") else f"CASCADE_{name.upper()}"
    value = os.environ.get(variable, first["input"])
    shown = f' (it is "{value}")' if _may_be_repeated(variable, value) else ""
    return f"{variable} cannot be used{shown}: {first['msg'].removeprefix('Value error, ')}."


def _may_be_repeated(variable: str, value: Any) -> bool:
    """True for a value that is plainly no secret, whatever somebody put into the wrong variable."""
    if variable == "OPENAI_API_KEY" or not isinstance(value, str) or _KEY.search(value):
        return False
    value = value.strip()
    if variable != "OPENAI_BASE_URL":
        return bool(_WORD.fullmatch(value) or _NUMBER.fullmatch(value))
    # A single word may be a key or a password; an address has more than that.
    looks_like_one = not value or any(sign in value for sign in ".:/")
    return looks_like_one and _ADDRESS.fullmatch(value) is not None
