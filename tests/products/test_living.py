"""The product goes on working while a run is under way, and lets a role do no more than it must."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from cascade.errors import NotWritten
from cascade.service import Actor, Service
from tests.helpers.holding import HeldWriter
from tests.helpers.limited import Limited
from tests.helpers.near import Near
from tests.products.hosts import (
    FIVE,
    FOUR,
    HERE,
    HOSTS,
    STORY,
    differences,
    dump,
    make,
    shape,
    stranger,
)
from tests.products.test_hosts import opened

HOSTED = next(host for host in HOSTS if host.name == "hosted")
README = (HERE.parent.parent / "README.md").read_text(encoding="utf-8")
# What a role needs, and what is dropped in the end, as they are told to people.
RIGHTS, LEAVING = re.findall(
    r"```sql\n(.*?)```", README.partition("## On your product's database")[2], re.DOTALL
)


@dataclass
class Hosted:
    """The hosted product, the role that Cascade works as, and the product's own hand in it."""

    limited: Limited
    engine: sa.Engine

    def execute(self, *statements: str) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement.replace("%", "%%"))


@pytest.fixture
def hosted(postgres_admin: sa.Engine, postgres_url: str) -> Iterator[Hosted]:
    limited = Limited(postgres_admin, postgres_url)
    with stranger(postgres_url) as engine:
        make(engine, "hosted")
        found = Hosted(limited, engine)
        role = f'"{limited.role}"'
        database = str(sa.make_url(postgres_url).database)
        rights = RIGHTS.replace("TO cascade;", f"TO {role};")
        found.execute(rights.replace("ON DATABASE story", f"ON DATABASE {database}"))
        for table in ("projects", "story_versions", "scene_plots", "scene_scripts", "scene_shots"):
            found.execute(
                f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
                f"CREATE POLICY cascade ON {table} TO {role} USING (true)",
            )
        yield found
    limited.execute(f'DROP OWNED BY "{limited.role}" CASCADE', f'DROP ROLE "{limited.role}"')
    limited.owner.dispose()


@pytest.fixture
def writer() -> HeldWriter:
    return HeldWriter()


@pytest.fixture
def service(hosted: Hosted, writer: HeldWriter) -> Iterator[Service]:
    with closing(opened(HOSTED, hosted.limited.url, writer)) as service:
        yield service


@pytest.fixture
def actor(service: Service) -> Actor:
    return service.operator().grant("ana", 500, HOSTED.project)[0]


def test_a_role_with_those_rights_and_policies_is_enough(
    hosted: Hosted, service: Service, actor: Actor
) -> None:
    before = dump(hosted.engine, HOSTED.keys)
    checked = Near(hosted.limited.url)("db", "check")
    assert checked.returncode == 0, checked.stdout
    assert "row-level security of story_versions holds" in checked.stdout
    desk = service.desk(actor)
    with service.executing():
        run_id = desk.start(desk.plan(STORY, {"midpoint": 5}).plan)
        assert list(service.operator().follow(run_id))[-1]["type"] == "done"
    assert differences(before, dump(hosted.engine, HOSTED.keys)) == HOSTED.written
    desk.restore_run(run_id)
    assert differences(before, dump(hosted.engine, HOSTED.keys)) == set()


def test_the_rights_to_make_tables_may_be_taken_back(hosted: Hosted) -> None:
    role, before = f'"{hosted.limited.role}"', dump(hosted.engine, HOSTED.keys)
    opened(HOSTED, hosted.limited.url).close()
    database = sa.make_url(hosted.limited.url).database
    hosted.execute(
        f"REVOKE CREATE ON SCHEMA public FROM {role}",
        f"REVOKE CREATE ON DATABASE {database} FROM {role}",
    )
    assert Near(hosted.limited.url)("db", "check").returncode == 0
    with closing(opened(HOSTED, hosted.limited.url)) as service:
        actor, _ = service.operator().grant("ana", 500, HOSTED.project)
        desk = service.desk(actor)
        with service.executing():
            run_id = desk.start(desk.plan(STORY, {"midpoint": 5}).plan)
            assert list(service.operator().follow(run_id))[-1]["type"] == "done"
        desk.restore_run(run_id)
    assert differences(before, dump(hosted.engine, HOSTED.keys)) == set()


def test_leaving_leaves_nothing(hosted: Hosted) -> None:
    before = _all_there_is(hosted.engine), shape(hosted.engine), dump(hosted.engine, HOSTED.keys)
    opened(HOSTED, hosted.limited.url).close()
    assert _all_there_is(hosted.engine) != before[0]
    hosted.execute(LEAVING)
    assert (_all_there_is(hosted.engine), *before[1:]) == before
    assert (shape(hosted.engine), dump(hosted.engine, HOSTED.keys)) == before[1:]


def _all_there_is(engine: sa.Engine) -> list[str]:
    """Every relation, function, type and schema by its name."""
    names = (
        "SELECT relname FROM pg_class WHERE relnamespace >= 16384 OR relnamespace ="
        " 'public'::regnamespace UNION ALL SELECT proname FROM pg_proc WHERE pronamespace ="
        " 'public'::regnamespace UNION ALL SELECT typname FROM pg_type WHERE typnamespace ="
        " 'public'::regnamespace UNION ALL SELECT nspname FROM pg_namespace ORDER BY 1"
    )
    with engine.connect() as connection:
        return list(connection.exec_driver_sql(names).scalars())


EDITS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "a scene deleted": ((f"DELETE FROM scene_plots WHERE id = '{FIVE}'",), "conflict", "deleted"),
    "a scene renumbered": (
        (f"UPDATE scene_plots SET scene_number = 7 WHERE id = '{FIVE}'",),
        "conflict",
        "another number",
    ),
    "a scene moved": (
        (f"UPDATE scene_plots SET beat_key = 'finale' WHERE id = '{FIVE}'",),
        "conflict",
        "another beat",
    ),
    "a script written": (
        (f"UPDATE scene_scripts SET content = 'INT. X' WHERE scene_id = '{FOUR}'",),
        "conflict",
        "script of scene 4",
    ),
    "a script added": (
        (f"INSERT INTO scene_scripts (scene_id, content) VALUES ('{FIVE}', 'INT. X')",),
        "conflict",
        "script of scene 5",
    ),
    "a script deleted": (
        (f"DELETE FROM scene_scripts WHERE scene_id = '{FOUR}'",),
        "conflict",
        "script of scene 4",
    ),
    "another structure": (
        (f"UPDATE story_versions SET structure_type = 'hero' WHERE id = '{STORY}'",),
        "conflict",
        "not overwritten",
    ),
    "the story deleted": (
        (f"DELETE FROM story_versions WHERE id = '{STORY}'",),
        "conflict",
        "The story was deleted",
    ),
    "the project deleted": (("DELETE FROM projects",), "conflict", "The story was deleted"),
    "a policy that hides changes": (
        (
            "DROP POLICY cascade ON scene_plots",
            "CREATE POLICY seen ON scene_plots FOR SELECT USING (true)",
        ),
        "not_written",
        "scene_plots",
    ),
    "a story that may only be seen": (
        (
            "DROP POLICY cascade ON story_versions",
            "CREATE POLICY seen ON story_versions FOR SELECT USING (true)",
        ),
        "not_written",
        "story_versions",
    ),
    "scripts that may be added and not changed": (
        (
            "DROP POLICY cascade ON scene_scripts",
            "CREATE POLICY seen ON scene_scripts FOR SELECT USING (true)",
            "CREATE POLICY added ON scene_scripts FOR INSERT WITH CHECK (true)",
        ),
        "not_written",
        "scene_scripts",
    ),
    "a trigger that returns nothing": (
        (
            "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RETURN NULL; END $$",
            "CREATE TRIGGER a_nothing BEFORE UPDATE ON scene_plots FOR EACH ROW"
            " EXECUTE FUNCTION nothing()",
        ),
        "not_written",
        "scene_plots",
    ),
    "a right taken": (
        ("REVOKE UPDATE ON scene_plots FROM PUBLIC, {role}",),
        "missing_rights",
        "scene_plots",
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_what_the_product_does_in_mid_run_ends_it_with_a_sentence(
    hosted: Hosted, service: Service, actor: Actor, writer: HeldWriter, name: str
) -> None:
    statements, code, words = EDITS[name]
    desk = service.desk(actor)
    writer.hold("keyAction")
    run_id = desk.start(desk.plan(STORY, {"midpoint": 5}).plan)
    with service.executing():
        # One step is saved, and the next is being written.
        writer.wait()
        # A delete waits for nobody: no transaction is open while a text is written.
        hosted.execute("SET LOCAL lock_timeout = '60s'", *_put(statements, hosted))
        edited = dump(hosted.engine, HOSTED.keys)
        writer.release()
        last = list(service.operator().follow(run_id))[-1]
    assert (last["type"], last["code"]) == ("error", code), last
    assert words in last["error"]
    run = service.operator().run(run_id)
    assert run.status == "failed"
    saved = sum(step.credits for step in run.steps if step.status == "saved")
    assert run.used_credits == saved
    assert run.released_credits == run.estimated_credits - saved
    assert not differences(edited, dump(hosted.engine, HOSTED.keys)) - HOSTED.written


def _put(statements: tuple[str, ...], hosted: Hosted) -> tuple[str, ...]:
    return tuple(one.replace("{role}", f'"{hosted.limited.role}"') for one in statements)


POLICIES: list[tuple[tuple[str, ...], str]] = [
    (
        tuple(
            f"ALTER POLICY cascade ON {table} USING (false)"
            for table in ("projects", "story_versions")
        ),
        "hides every row of projects and story_versions from",
    ),
    (("DROP POLICY cascade ON story_versions",), "lets .* see no row"),
    (
        (
            "DROP POLICY cascade ON story_versions",
            "CREATE POLICY seen ON story_versions FOR SELECT USING (true)",
        ),
        "row-level security of story_versions lets .* change no row",
    ),
    (("REVOKE UPDATE ON scene_plots FROM {role}",), "GRANT .*UPDATE.* ON scene_plots TO"),
    (("REVOKE SELECT ON scene_shots FROM {role}",), "GRANT SELECT ON scene_shots TO"),
]


@pytest.mark.parametrize(("statements", "words"), POLICIES)
def test_the_check_says_what_keeps_the_role_from_it(
    hosted: Hosted, statements: tuple[str, ...], words: str
) -> None:
    hosted.execute(*_put(statements, hosted))
    checked = Near(hosted.limited.url)("db", "check")
    assert checked.returncode == 4
    assert re.search(words, checked.stdout), checked.stdout


def test_a_right_by_columns_is_enough(hosted: Hosted) -> None:
    role = f'"{hosted.limited.role}"'
    hosted.execute(
        f"REVOKE SELECT ON projects FROM {role}",
        f"GRANT SELECT (id, title, language, genre, tone) ON projects TO {role}",
    )
    checked = Near(hosted.limited.url)("db", "check")
    assert checked.returncode == 0, checked.stdout
    with closing(opened(HOSTED, hosted.limited.url)) as service:
        story = service.operator().story(STORY)
        assert (story.title, story.genre, story.tone) == ("The Ferry", "drama", "")


def test_a_story_that_may_only_be_seen_starts_no_run(hosted: Hosted, service: Service) -> None:
    actor, _ = service.operator().grant("ana", 500, HOSTED.project)
    plan = service.desk(actor).plan(STORY, {"midpoint": 5}).plan
    hosted.execute(*EDITS["a story that may only be seen"][0])
    with pytest.raises(NotWritten, match="story_versions"):
        service.desk(actor).start(plan)
    assert service.operator().runs() == []
