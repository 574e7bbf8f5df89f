"""Settings come from the environment; a bad value is one clear line that names its variable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cascade.errors import BadSetting
from cascade.exits import exit_code
from cascade.settings import ClaimedRole, Settings, load_settings

KEY = "sk-do-not-show-this-anywhere"
PASSWORD = "hunter2"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.upper().startswith(("CASCADE_", "OPENAI_")):
            monkeypatch.delenv(name)


def loaded(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def refusal(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    with pytest.raises(BadSetting) as refused:
        loaded(monkeypatch, **environment)
    assert exit_code(refused.value) == 2
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
    message = refused.value.message
    assert "\n" not in message
    assert KEY not in message
    assert message.endswith(".")
    return message


DEFAULTS: dict[str, Any] = {
    "database_url": "sqlite:///data/cascade.db",
    "executor_url": None,
    "samples": "on",
    "provider": "auto",
    "openai_api_key": None,
    "openai_base_url": None,
    "temperature": None,
    "reasoning_effort": None,
    "price_prompt": None,
    "price_cached": None,
    "price_completion": None,
    "price_currency": "USD",
    "concurrency": 6,
    "requests_per_minute": None,
    "timeout_s": 60,
    "offline_delay_ms": 300,
    "user": "editor",
    "language": "en",
    "product": None,
    "worker": "embedded",
    "most_body_bytes": 1_000_000,
    "starts_per_minute": 60,
    "watchers": 250,
    "request_days": 30,
    "cors_origins": (),
    "webhook_url": None,
    "webhook_secret": None,
    "sign_in_project": None,
    "role_claim": "roles",
    "roles": (),
}


def test_defaults() -> None:
    settings = load_settings()
    assert {name: getattr(settings, name) for name in DEFAULTS} == DEFAULTS
    assert settings.model
    assert settings.writer == "offline"
    assert settings.sqlite_path == Path("data/cascade.db")
    # A setting that is new is to be tested here too.
    assert set(Settings.model_fields) == {*DEFAULTS, "model"}


def test_a_data_file_of_the_earlier_name_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings().database_url == "sqlite:///data/cascade.db"
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "arc-studio.db").touch()
    assert load_settings().database_url == "sqlite:///data/arc-studio.db"
    # Where both are, the one of the present name is meant.
    (tmp_path / "data" / "cascade.db").touch()
    assert load_settings().database_url == "sqlite:///data/cascade.db"


@pytest.mark.parametrize(
    ("variable", "value", "field", "expected"),
    [
        ("CASCADE_DATABASE_URL", "sqlite:////tmp/a.db", "database_url", "sqlite:////tmp/a.db"),
        ("CASCADE_DATABASE_URL", "postgresql://u@h/d", "database_url", "postgresql://u@h/d"),
        ("CASCADE_DATABASE_URL", "postgres://u@h/d", "database_url", "postgres://u@h/d"),
        ("CASCADE_EXECUTOR_URL", "postgresql://u@h/d", "executor_url", "postgresql://u@h/d"),
        ("CASCADE_LANGUAGE", "ID", "language", "id"),
        ("CASCADE_PRODUCT", "product.toml", "product", Path("product.toml")),
        ("CASCADE_MOST_BODY_BYTES", "5000", "most_body_bytes", 5000),
        ("CASCADE_STARTS_PER_MINUTE", "3", "starts_per_minute", 3),
        ("CASCADE_WATCHERS", "2", "watchers", 2),
        ("CASCADE_REQUEST_DAYS", "7", "request_days", 7),
        ("CASCADE_CORS_ORIGINS", "https://a.example", "cors_origins", ("https://a.example",)),
        (
            "CASCADE_CORS_ORIGINS",
            " http://localhost:3000/,https://A.example ",
            "cors_origins",
            ("http://localhost:3000", "https://a.example"),
        ),
        ("CASCADE_SIGN_IN_PROJECT", "Sample Project", "sign_in_project", "Sample Project"),
        ("CASCADE_ROLE_CLAIM", "realm_access.roles", "role_claim", "realm_access.roles"),
        (
            "CASCADE_ROLES",
            " writers = editor@Sample Project,cn=boss=Producer@p=1 , owners=admin,",
            "roles",
            (
                ClaimedRole("writers", "editor", "Sample Project"),
                ClaimedRole("cn=boss", "producer", "p=1"),
                ClaimedRole("owners", "admin"),
            ),
        ),
        ("CASCADE_SAMPLES", "off", "samples", "off"),
        ("CASCADE_SAMPLES", " OFF ", "samples", "off"),
        ("CASCADE_PROVIDER", "offline", "provider", "offline"),
        ("CASCADE_PROVIDER", "Offline", "provider", "offline"),
        ("OPENAI_API_KEY", KEY, "openai_api_key", KEY),
        (
            "OPENAI_BASE_URL",
            "http://127.0.0.1:8080/v1",
            "openai_base_url",
            "http://127.0.0.1:8080/v1",
        ),
        ("OPENAI_BASE_URL", "https://h/v1", "openai_base_url", "https://h/v1"),
        ("CASCADE_MODEL", "some-model", "model", "some-model"),
        ("CASCADE_MODEL", "claude-3-5-sonnet-20241022", "model", "claude-3-5-sonnet-20241022"),
        ("CASCADE_TEMPERATURE", "0.7", "temperature", 0.7),
        ("CASCADE_TEMPERATURE", "0", "temperature", 0),
        ("CASCADE_REASONING_EFFORT", "LOW", "reasoning_effort", "low"),
        ("CASCADE_REASONING_EFFORT", "none", "reasoning_effort", "none"),
        ("CASCADE_PRICE_PROMPT", "0.4", "price_prompt", 0.4),
        ("CASCADE_PRICE_CACHED", "0", "price_cached", 0),
        ("CASCADE_PRICE_COMPLETION", "1.6", "price_completion", 1.6),
        ("CASCADE_PRICE_CURRENCY", "EUR", "price_currency", "EUR"),
        ("CASCADE_CONCURRENCY", "1", "concurrency", 1),
        ("CASCADE_CONCURRENCY", "64", "concurrency", 64),
        ("CASCADE_REQUESTS_PER_MINUTE", "30", "requests_per_minute", 30),
        ("CASCADE_TIMEOUT_S", "0.5", "timeout_s", 0.5),
        ("CASCADE_OFFLINE_DELAY_MS", "0", "offline_delay_ms", 0),
        ("CASCADE_USER", "producer", "user", "producer"),
        ("CASCADE_WORKER", "external", "worker", "external"),
    ],
)
def test_every_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, field: str, expected: Any
) -> None:
    assert getattr(loaded(monkeypatch, **{variable: value}), field) == expected


@pytest.mark.parametrize("field", sorted(DEFAULTS))
def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch, field: str) -> None:
    variable = field.upper() if field.startswith("openai") else f"CASCADE_{field.upper()}"
    assert getattr(loaded(monkeypatch, **{variable: ""}), field) == DEFAULTS[field]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CASCADE_SAMPLES", "maybe"),
        ("CASCADE_MOST_BODY_BYTES", "10"),
        ("CASCADE_STARTS_PER_MINUTE", "0"),
        ("CASCADE_WATCHERS", "many"),
        ("CASCADE_REQUEST_DAYS", "0"),
        ("CASCADE_PROVIDER", "anthropic"),
        ("OPENAI_BASE_URL", "localhost:8080/v1"),
        ("OPENAI_BASE_URL", "127.0.0.1:8080"),
        ("OPENAI_BASE_URL", "api.example.com/v1"),
        ("OPENAI_BASE_URL", "ftp://host/v1"),
        ("OPENAI_BASE_URL", "http://"),
        ("OPENAI_BASE_URL", "http:///v1"),
        ("OPENAI_BASE_URL", "http://[::1/v1"),
        ("OPENAI_BASE_URL", " "),
        ("CASCADE_CONCURRENCY", "0"),
        ("CASCADE_CONCURRENCY", "65"),
        ("CASCADE_CONCURRENCY", "-1"),
        ("CASCADE_CONCURRENCY", "many"),
        ("CASCADE_CONCURRENCY", "2.5"),
        ("CASCADE_REQUESTS_PER_MINUTE", "0"),
        ("CASCADE_REQUESTS_PER_MINUTE", "none"),
        ("CASCADE_TIMEOUT_S", "0"),
        ("CASCADE_TIMEOUT_S", "-3"),
        ("CASCADE_TIMEOUT_S", "nan"),
        ("CASCADE_TIMEOUT_S", "inf"),
        ("CASCADE_TIMEOUT_S", "1m"),
        ("CASCADE_OFFLINE_DELAY_MS", "-1"),
        ("CASCADE_OFFLINE_DELAY_MS", "0.5"),
        ("CASCADE_WORKER", "remote"),
        ("CASCADE_LANGUAGE", "fr"),
        ("CASCADE_TEMPERATURE", "-1"),
        ("CASCADE_TEMPERATURE", "2.1"),
        ("CASCADE_TEMPERATURE", "warm"),
        ("CASCADE_REASONING_EFFORT", "very"),
        ("OPENAI_BASE_URL", "http://host:99999/v1"),
    ],
)
def test_a_bad_value_is_one_line_with_the_variable_and_the_value(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    message = refusal(monkeypatch, **{variable: value})
    assert message.startswith(f"{variable} cannot be used")
    assert f'"{value}"' in message


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ("writers", 1),
        ("writers=editor", 1),
        ("owners=admin,writers=owner@House", 2),
        ("owners=admin@House", 1),
        ("=admin", 1),
        ("a=viewer@House,=viewer@House", 2),
        ("a=viewer@", 1),
    ],
)
def test_roles_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, value: str, place: int) -> None:
    message = refusal(monkeypatch, CASCADE_ROLES=value)
    assert message.startswith("CASCADE_ROLES cannot be used")
    assert f"the {place}. of it is not" in message


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:hunter2@h/d",
        "/tmp/cascade.db",
        "sqlite://",
        "postgresql+psycopg2:",
        "postgresql://u:hunter2@host:port/d",
        "postgresql://u:hunter2@[::1/d",
    ],
)
def test_a_database_address_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    for variable in ("CASCADE_DATABASE_URL", "CASCADE_EXECUTOR_URL"):
        message = refusal(monkeypatch, **{variable: url})
        assert message.startswith(f"{variable} ")
        assert PASSWORD not in message
        monkeypatch.delenv(variable)


def test_auto_is_offline_until_a_key_or_a_server_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded(monkeypatch).writer == "offline"
    assert loaded(monkeypatch, OPENAI_BASE_URL="http://h/v1").writer == "openai"
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert loaded(monkeypatch, OPENAI_API_KEY=KEY).writer == "openai"
    # Asked for by name, a key that lies about does not matter.
    assert loaded(monkeypatch, CASCADE_PROVIDER="offline").writer == "offline"
    assert loaded(monkeypatch, CASCADE_PROVIDER="openai").writer == "openai"


def test_openai_without_a_key_or_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, CASCADE_PROVIDER="openai")
    for name in ("CASCADE_PROVIDER", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        assert name in message
    empty = refusal(monkeypatch, CASCADE_PROVIDER="openai", OPENAI_BASE_URL="", OPENAI_API_KEY="")
    assert empty == message


def test_the_key_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, OPENAI_API_KEY=KEY)
    assert settings.openai_api_key == KEY
    for shown in (repr(settings), str(settings), f"{settings}", format(settings)):
        assert KEY not in shown
    # Nor when something beside it is wrong.
    refusal(monkeypatch, OPENAI_API_KEY=KEY, OPENAI_BASE_URL="nowhere")
    refusal(monkeypatch, OPENAI_API_KEY=KEY, CASCADE_CONCURRENCY="x", OPENAI_BASE_URL="")


CANARY = "heron-canary-77"

SECRETS = [
    # A key in the wrong variable, in many kinds.
    "sk-proj-4711abcdefghij", "gsk_4711abcdef", "AIzaSy4711abcdef", "eyJhbGciOiJIUzI1NiJ9.e30.abc",
    "hf_4711abcdef", "nvapi-4711abcdef",
    # A password, alone and in what might have been an address.
    "hunter2", f"user:{CANARY}@host/v1", f"user:{CANARY}@host:8080", f"user:{CANARY}",
    f"ftp://user:{CANARY}@host/v1", f"htp://{CANARY}@host", f"//user:{CANARY}@host/v1",
    f"host/v1?api_key={CANARY}", f"host/v1?password={CANARY}", f"password={CANARY}",
    f"postgresql://u:{CANARY}@h/d", f"host=h password={CANARY}", f"Bearer {CANARY}",
]  # fmt: skip
STRICT = [
    "OPENAI_BASE_URL",
    "CASCADE_PROVIDER",
    "CASCADE_SAMPLES",
    "CASCADE_WORKER",
    "CASCADE_CONCURRENCY",
    "CASCADE_TIMEOUT_S",
    "CASCADE_REQUESTS_PER_MINUTE",
    "CASCADE_OFFLINE_DELAY_MS",
    "CASCADE_TEMPERATURE",
    "CASCADE_REASONING_EFFORT",
    "CASCADE_PRICE_PROMPT",
]


@pytest.mark.parametrize("variable", STRICT)
@pytest.mark.parametrize("value", SECRETS)
def test_a_bad_value_that_may_be_a_secret_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    message = refusal(monkeypatch, **{variable: value})
    assert message.startswith(f"{variable} cannot be used: ")
    assert value not in message
    assert CANARY not in message
    assert not any(part in message for part in ("4711", "hunter2", "eyJ"))


@pytest.mark.parametrize("variable", ["CASCADE_MODEL", "CASCADE_USER", "CASCADE_PRICE_CURRENCY"])
@pytest.mark.parametrize("value", SECRETS[:6])
def test_a_key_in_a_variable_that_everybody_sees_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    message = refusal(monkeypatch, **{variable: value})
    assert message.startswith(f"{variable} cannot be used: ")
    assert "OPENAI_API_KEY" in message
    assert value not in message


@pytest.mark.parametrize("value", ["m" * 201, "m\x1b[31m", "m\nn"])
def test_a_model_name_that_no_column_and_no_terminal_takes(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    assert value not in refusal(monkeypatch, CASCADE_MODEL=value)


@pytest.mark.parametrize(
    "value", ["sk-4711 abcdef", "sk-4711\nabcdef", "sk-4711\u2026", "sk\u20114711"]
)
def test_a_key_that_cannot_be_sent(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    message = refusal(monkeypatch, OPENAI_API_KEY=value)
    assert message.startswith("OPENAI_API_KEY cannot be used: ")
    assert "4711" not in message


def test_an_address_with_a_question_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # The client's log would show the key in it at every call.
    message = refusal(monkeypatch, OPENAI_BASE_URL=f"https://host/v1?key={CANARY}")
    assert "without a ?" in message
    assert CANARY not in message


@pytest.mark.parametrize(
    "value",
    [
        "*",
        "a.example",
        "https://a.example/path",
        "https://*.example",
        "https://u:hunter2@a.example",
        "https://a.example,ftp://b.example",
        "https://[::1",
    ],
)
def test_origins_that_cannot_be(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    message = refusal(monkeypatch, CASCADE_CORS_ORIGINS=value)
    assert message.startswith("CASCADE_CORS_ORIGINS cannot be used: must be origins such as ")
    assert value not in message


def test_a_settings_own_words_hold_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(
        monkeypatch,
        CASCADE_DATABASE_URL=f"postgresql://u:{CANARY}@h/d?sslpassword={CANARY}",
        OPENAI_BASE_URL=f"https://user:{CANARY}@host/v1",
    )
    assert CANARY not in repr(settings) + str(settings)


HOOK = {"CASCADE_WEBHOOK_URL": "https://h.example/a?b", "CASCADE_WEBHOOK_SECRET": CANARY * 3}


def test_a_webhook_has_an_address_and_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, **HOOK)
    assert (settings.webhook_url, settings.webhook_secret) == tuple(HOOK.values())
    assert CANARY not in repr(settings)
    assert "h.example" not in repr(settings)


@pytest.mark.parametrize(
    "changed",
    [
        {"CASCADE_WEBHOOK_URL": ""},
        {"CASCADE_WEBHOOK_SECRET": ""},
        {"CASCADE_WEBHOOK_SECRET": "short"},
        {"CASCADE_WEBHOOK_URL": f"h.example/{CANARY}"},
        {"CASCADE_WEBHOOK_URL": f"ftp://h.example/{CANARY}"},
        {"CASCADE_WEBHOOK_URL": f"https://u:{CANARY}@h.example/"},
        {"CASCADE_WEBHOOK_URL": f"https://[::1/{CANARY}"},
        {"CASCADE_WEBHOOK_URL": f"https://h:x/{CANARY}"},
    ],
)
def test_a_webhook_that_cannot_be(monkeypatch: pytest.MonkeyPatch, changed: dict[str, str]) -> None:
    message = refusal(monkeypatch, **{**HOOK, **changed})
    assert CANARY not in message
    assert message.startswith("CASCADE_WEBHOOK_")


def test_settings_do_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    from pydantic import ValidationError

    with pytest.raises(ValidationError):
        loaded(monkeypatch).concurrency = 9  # type: ignore[misc]


def test_where_a_sqlite_file_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded(monkeypatch, CASCADE_DATABASE_URL="sqlite:////tmp/x/a.db").sqlite_path == (
        Path("/tmp/x/a.db")
    )
    assert loaded(monkeypatch, CASCADE_DATABASE_URL="postgresql://h/d").sqlite_path is None
