"""No password of a database's address is shown, wherever in the address it stands."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
import sqlalchemy as sa

from cascade.engine.connections import dbos_url
from cascade.errors import DatabaseUnavailable
from cascade.service import Service
from cascade.settings import Settings
from cascade.store import address
from cascade.store.database import Database
from tests.helpers.pooler import pooled

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


@pytest.mark.parametrize("password", ["p@ss", "a/b", "50%", "50%25", "#1", "a:b", "@/%#:", "%40"])
@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2"])
def test_a_password_of_any_signs_is_read(scheme: str, password: str) -> None:
    for written in (quote(password, safe=""), password):
        if written == password and unquote(password) != password:
            continue  # As it stands it is an escape, and means another sign.
        database = Database(f"{scheme}://ana:{written}@host:5433/story?sslmode=require")
        assert database.url.password == password
        assert (database.url.host, database.url.port) == ("host", 5433)
        assert (database.url.database, database.url.drivername) == ("story", "postgresql+psycopg2")
        # The runner reads it from a text again.
        again = sa.make_url(dbos_url(database))
        assert (again.password, again.query["sslmode"]) == (password, "require")
        assert password not in database.name.replace("host:5433", "").replace("://ana:", "")
        database.close()


def test_such_a_password_is_taken_by_a_server(postgres_url: str) -> None:
    """As a whole start and a run, through something that asks for it."""
    password = "p@ss/w%rd#1:x"
    with pooled(postgres_url, mode="session", size=60, password=password) as url:
        assert sa.make_url(url).password == password
        with closing(Service(Settings(database_url=url, offline_delay_ms=0))) as service:
            editor = service.desk(service.actor("editor"))
            story = editor.stories()[0].id
            with service.executing():
                beat = editor.story(story).structure.keys[0]
                run_id = editor.start(editor.plan(story, {beat: 5}).plan)
                assert list(service.operator().follow(run_id))[-1]["type"] == "done"
        raw = url.replace(quote(password, safe=""), password).replace("postgresql:", "postgres:")
        with closing(Database(raw)) as database:
            database.ping()
        with (
            closing(Database(url.replace("1%3Ax", "2%3Ax"))) as database,
            pytest.raises(DatabaseUnavailable, match="password"),
        ):
            database.ping()
