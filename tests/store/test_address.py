"""No password of a database's address is shown, wherever in the address it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from cascade.errors import DatabaseUnavailable
from cascade.store import address
from cascade.store.database import Database

SECRET = "heron-canary-77"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{SECRET}@h:5432/d",
        f"postgresql://u@h/d?password={SECRET}",
        f"postgresql://u:x@h/d?password={SECRET}&sslmode=require",
        f"postgresql://u@h/d?sslpassword={SECRET}",
        f"postgresql://u@h/d?passfile=/home/{SECRET}",
        f"postgresql://u@h/d?options=-c%20a.b%3D{SECRET}",
        f"postgresql://u@h/d?PASSWORD={SECRET}",
        f"postgresql://u@h/d?x={SECRET}&x={SECRET}2",
        f"postgresql:///d?host=h&user=u&password={SECRET}",
    ],
)
def test_no_password_is_in_a_databases_name(url: str) -> None:
    database = Database(url)
    assert SECRET not in database.name
    # A library that writes the address into its log hides the password as it always does.
    if "?password=" in url or "&password=" in url:
        assert SECRET not in database.url.render_as_string(hide_password=True)
        assert database.url.password == SECRET
    database.close()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg2://u@h:5432/d?sslmode=require",
        "postgresql+psycopg2://u@h/d?connect_timeout=3&host=db",
        "sqlite:////tmp/x.db?mode=ro&uri=true",
        "sqlite:////tmp/x.db",
    ],
)
def test_what_is_no_secret_is_shown(url: str) -> None:
    assert address.shown(sa.make_url(url)) == url.replace("+psycopg2", "")


def test_a_sentence_about_a_database_that_is_not_there_has_no_password(tmp_path: Path) -> None:
    database = Database(f"postgresql://u@127.0.0.1:1/d?password={SECRET}&sslpassword={SECRET}")
    with pytest.raises(DatabaseUnavailable) as caught:
        database.ping()
    database.close()
    assert SECRET not in str(caught.value)
    assert SECRET not in str(caught.value.fields)
    assert "127.0.0.1" in str(caught.value)
    with pytest.raises(DatabaseUnavailable) as missing:
        Database(f"sqlite:///{tmp_path}/none/x.db?key={SECRET}")
    assert SECRET not in str(missing.value)
