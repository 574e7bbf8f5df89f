"""Whether a server lets people in as it should: what it says at the start, and of a request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st

from cascade.errors import BadSetting
from cascade.ui import signing

SECRET = "0123456789abcdef" * 4
OWN = """
redirect_uri = "https://cascade.example.org/oauth2callback"
cookie_secret = "{secret}"
"""
PROVIDER = """
client_id = "a"
client_secret = "b"
server_metadata_url = "https://id.example.org/.well-known/openid-configuration"
"""
GOOD = f"[auth]{OWN.format(secret=SECRET)}{PROVIDER}"


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None], None]:
    """Writes the secrets file, which is read anew."""
    file = tmp_path / "secrets.toml"
    asked = st.config.get_option

    def option(name: str) -> object:
        return [str(file)] if name == "secrets.files" else asked(name)

    monkeypatch.setattr(st.config, "get_option", option)

    def write(words: str | None) -> None:
        if words is not None:
            file.write_text(words, encoding="utf-8")
        fresh = type(st.secrets)()
        monkeypatch.setattr(st, "secrets", fresh)
        monkeypatch.setattr(signing, "_none_until", [0.0])

    return write


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1", "127.3.2.1"])
def test_on_this_machine_nobody_need_sign_in(
    written: Callable[[str | None], None], address: str
) -> None:
    for words in (None, "", "[other]\na = 1\n"):
        written(words)
        signing.check_setting(address)
        assert signing.providers() == ()


@pytest.mark.parametrize("address", [None, "", "0.0.0.0", "::", "10.0.0.1", "example.org"])
def test_elsewhere_everybody_has_to(
    written: Callable[[str | None], None], address: str | None
) -> None:
    written(None)
    with pytest.raises(BadSetting, match="nobody signs in"):
        signing.check_setting(address)
    written(GOOD)
    signing.check_setting(address)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("[auth", "cannot be read"),
        ("[auth]\n", "lacks redirect_uri, cookie_secret, client_id"),
        ("auth = 1\n", "lacks redirect_uri, cookie_secret, client_id"),
        (f"[auth]{OWN.format(secret=SECRET)}", "lacks client_id, client_secret"),
        (GOOD.replace("client_secret", "other"), "lacks client_secret"),
        (GOOD.replace("/oauth2callback", "/callback"), "must end with /oauth2callback"),
        (GOOD.replace(SECRET, "short"), "32 characters or more"),
        (GOOD + '[auth.google]\nclient_id = "a"\n', "client_secret of [auth.google]"),
        (
            f"[auth]{OWN.format(secret=SECRET)}[auth.my_own]{PROVIDER}",
            "[auth.my_own] may have no underscore",
        ),
    ],
)
def test_what_nobody_could_sign_in_with_stops_the_start(
    written: Callable[[str | None], None], words: str, said: str
) -> None:
    written(words)
    for address in ("127.0.0.1", "0.0.0.0"):
        with pytest.raises(BadSetting) as raised:
            signing.check_setting(address)
        assert said in raised.value.message
        # Whoever reads it over a shoulder learns no secret.
        assert SECRET not in raised.value.message


def test_each_provider_has_a_button(written: Callable[[str | None], None]) -> None:
    written(GOOD)
    assert signing.providers() == (signing.DEFAULT,)
    named = "".join(f"[auth.{name}]{PROVIDER}" for name in ("google", "microsoft"))
    written(f"[auth]{OWN.format(secret=SECRET)}{named}")
    assert signing.providers() == ("google", "microsoft")
    written(f'{GOOD}[auth.client_kwargs]\nscope = "openid"\n{named}')
    assert signing.providers() == (signing.DEFAULT, "google", "microsoft")
    signing.check_setting(None)


def test_a_file_that_is_not_there_is_looked_for_once_a_second(
    written: Callable[[str | None], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(signing, "time", SimpleNamespace(monotonic=lambda: now))
    written(None)
    looked = 0
    load = st.secrets.load_if_toml_exists

    def count() -> bool:
        nonlocal looked
        looked += 1
        return load()

    monkeypatch.setattr(st.secrets, "load_if_toml_exists", count)
    for _ in range(4):
        assert signing.providers() == ()
    assert looked == 1
    file = tmp_path / "secrets.toml"
    file.write_text(GOOD, encoding="utf-8")
    now += signing.NONE_FOR_S
    assert signing.providers() == (signing.DEFAULT,)
    # Whoever takes the file away lets nobody in by it.
    file.unlink()
    now += signing.NONE_FOR_S
    assert signing.providers() == (signing.DEFAULT,)


@pytest.mark.parametrize(
    ("host", "sender", "others", "is_local"),
    [
        ("localhost:8501", None, {}, True),
        ("127.0.0.1", "127.0.0.1", {}, True),
        ("[::1]:8501", "::1", {}, True),
        ("cascade.example.org", None, {}, False),
        ("localhost.example.org", None, {}, False),
        ("10.0.0.1:8501", None, {}, False),
        ("localhost", "10.0.0.7", {}, False),
        ("localhost", None, {"X-Forwarded-For": "127.0.0.1"}, False),
        ("localhost", None, {"forwarded": "for=127.0.0.1"}, False),
        ("localhost", None, {"X-Forwarded-Proto": "https"}, False),
    ],
)
def test_whether_a_request_comes_from_this_machine(
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    sender: str | None,
    others: dict[str, str],
    is_local: bool,
) -> None:
    request = SimpleNamespace(headers={"Host": host, **others}, ip_address=sender)
    monkeypatch.setattr(st, "context", request)
    assert signing.is_local_request() is is_local
