"""A database whose user may not do or see everything: one sentence, and what it says helps."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
import sqlalchemy as sa

from cascade.errors import (
    DatabaseReadOnly,
    DatabaseUnavailable,
    MissingRights,
    RowsHidden,
)
from cascade.service import Service
from cascade.settings import Settings
from tests.helpers.limited import Limited, empty, seeded
from tests.helpers.near import Near
from tests.helpers.seeded import drop, postgres_copy

__all__ = ["empty", "seeded"]


def test_what_a_start_lacks_is_said_so_that_doing_it_is_enough(empty: Limited) -> None:
    with pytest.raises(MissingRights) as lacking:
        empty.open()
    assert "permission denied" in lacking.value.message
    assert f'GRANT CREATE ON SCHEMA public TO "{empty.role}"' in lacking.value.message
    assert "GRANT CREATE ON DATABASE" in lacking.value.message
    empty.obey(lacking.value)
    service = empty.open()
    assert len(service.operator().stories()) == 3
    service.close()


def test_a_product_that_lends_its_tables(empty: Limited) -> None:
    empty.execute(
        "CREATE TABLE projects (id text PRIMARY KEY, name text NOT NULL)",
        "INSERT INTO projects VALUES ('p1', 'Prod')",
        "CREATE SCHEMA cascade_dbos",
        f'GRANT ALL ON SCHEMA cascade_dbos, public TO "{empty.role}"',
    )
    with pytest.raises(MissingRights) as lacking:
        empty.open()
    assert "GRANT SELECT, INSERT, UPDATE, REFERENCES ON projects" in lacking.value.message
    empty.obey(lacking.value)
    empty.open().close()


def test_a_role_that_may_only_read_reads(seeded: Limited) -> None:
    seeded.execute(
        f'GRANT SELECT ON ALL TABLES IN SCHEMA public TO "{seeded.role}"',
        f'GRANT USAGE ON SCHEMA cascade_dbos TO "{seeded.role}"',
    )
    service = seeded.open()
    story = service.operator().story(service.operator().stories()[0].id)
    editor = service.actor("editor")
    assert service.desk(editor).plan(story.id, {"midpoint": 4}).plan.steps
    with pytest.raises(MissingRights) as lacking:
        service.desk(editor).save_draft(story.id, {"midpoint": 4})
    seeded.obey(lacking.value)
    assert service.desk(editor).save_draft(story.id, {"midpoint": 4}).levels == {"midpoint": 4}
    service.close()
    done = Near(seeded.url)("credits", "grant", "--user", "editor", "5")
    assert done.returncode == 0, done.stderr


def test_a_role_that_may_not_even_read(seeded: Limited) -> None:
    done = Near(seeded.url)("stories")
    assert done.returncode == 4
    assert "GRANT" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_security_by_row_that_hides_everything(seeded: Limited, tmp_path: Path) -> None:
    everything = f'GRANT ALL ON ALL TABLES IN SCHEMA public TO "{seeded.role}"'
    seeded.execute(everything, f'GRANT ALL ON SCHEMA cascade_dbos TO "{seeded.role}"')
    for table in ("projects", "story_versions"):
        seeded.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    with pytest.raises(RowsHidden, match="projects and story_versions") as hidden:
        seeded.open()
    assert seeded.role in hidden.value.message
    with seeded.owner.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM projects").scalar() == 1
    for table in ("projects", "story_versions"):
        seeded.execute(f"CREATE POLICY seen ON {table} FOR SELECT USING (true)")
    service = seeded.open()
    story_id = service.operator().stories()[0].id
    document = tmp_path / "story.json"
    document.write_text(json.dumps(service.operator().document(story_id)))
    with pytest.raises(MissingRights, match="row-level security policy"):
        # Seen, and not to be added to.
        service.operator().import_story(document)
    service.close()


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_is_not_utf8(
    postgres_admin: sa.Engine, postgres_server: str, encoding: str
) -> None:
    name = f"cascade_{uuid.uuid4().hex[:12]}"
    with postgres_admin.connect() as connection:
        connection.exec_driver_sql(
            f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
        )
    url = sa.make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
    try:
        with pytest.raises(DatabaseUnavailable, match=f"{encoding} and have to be UTF8"):
            Service(Settings(database_url=url))
        engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg2:"))
        assert not sa.inspect(engine).get_table_names()
        engine.dispose()
    finally:
        with postgres_admin.connect() as connection:
            drop(connection, name)


def test_a_server_that_is_read_only(
    postgres_admin: sa.Engine, postgres_server: str, postgres_url: str
) -> None:
    def read_only(url: str) -> None:
        with postgres_admin.connect() as connection:
            name = sa.make_url(url).database
            connection.exec_driver_sql(
                f"ALTER DATABASE {name} SET default_transaction_read_only = on"
            )

    read_only(postgres_url)
    with pytest.raises(DatabaseReadOnly, match="read-only transaction"):
        Service(Settings(database_url=postgres_url))
    with postgres_copy(postgres_server) as url:
        read_only(url)
        # What only looks needs no more.
        assert len(Near(url).json("stories")) == 3
