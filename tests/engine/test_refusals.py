"""What the database itself refuses ends the step at once, with its reason, and charges nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from cascade import shapes
from cascade.service import Actor, RunView, Service
from cascade.settings import Settings
from cascade.store.database import AWAY_PATIENCE_S
from tests.helpers.checking import check_credits
from tests.helpers.observe import Database

HERO = "A Hundred Diameters"


@dataclass(frozen=True)
class Rule:
    """Something in the product's tables that takes no text of ours, and how it goes away again."""

    make: tuple[str, ...]
    unmake: tuple[str, ...]
    place: str
    reason: str
    step: str = "scenePlot"


CHECKS = {
    "varchar": Rule(
        ("ALTER TABLE scene_plots ALTER plot TYPE varchar(30) USING left(plot, 30)",),
        ("ALTER TABLE scene_plots ALTER plot TYPE text",),
        "scene_plots.plot",
        "value too long for type character varying(30)",
    ),
    "check": Rule(
        ("ALTER TABLE scene_plots ADD CONSTRAINT short CHECK (length(plot) < 30) NOT VALID",),
        ("ALTER TABLE scene_plots DROP CONSTRAINT short",),
        "scene_plots",
        'new row for relation "scene_plots" violates check constraint "short"',
    ),
    # One that repeats the text it was given, as such rules do.
    "trigger": Rule(
        (
            "CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN "
            "RAISE EXCEPTION 'not approved yet: %', NEW.plot; END $$ LANGUAGE plpgsql",
            "CREATE TRIGGER refuse BEFORE UPDATE OF plot ON scene_plots "
            "FOR EACH ROW EXECUTE FUNCTION refuse()",
        ),
        ("DROP TRIGGER refuse ON scene_plots",),
        "scene_plots",
        "not approved yet: …",
    ),
    "column is missing": Rule(
        ("ALTER TABLE cascade_revisions RENAME prompt_hash TO hash_of_prompt",),
        ("ALTER TABLE cascade_revisions RENAME hash_of_prompt TO prompt_hash",),
        "cascade_revisions",
        'column "prompt_hash" of relation "cascade_revisions" does not exist',
        "beatContent",
    ),
    "sqlite trigger": Rule(
        (
            "CREATE TRIGGER refuse BEFORE UPDATE OF plot ON scene_plots "
            "BEGIN SELECT RAISE(ABORT, 'not approved yet'); END",
        ),
        ("DROP TRIGGER refuse",),
        "scene_plots",
        "not approved yet",
    ),
    "sqlite null": Rule(
        (
            "ALTER TABLE scene_plots ADD COLUMN notes TEXT NOT NULL DEFAULT ''",
            "CREATE TRIGGER refuse AFTER UPDATE OF plot ON scene_plots "
            "BEGIN UPDATE scene_plots SET notes = NULL WHERE id = NEW.id; END",
        ),
        ("DROP TRIGGER refuse",),
        "scene_plots.notes",
        "NOT NULL constraint failed: scene_plots.notes",
    ),
    "sqlite column is missing": Rule(
        ("ALTER TABLE cascade_revisions RENAME COLUMN prompt_hash TO hash_of_prompt",),
        ("ALTER TABLE cascade_revisions RENAME COLUMN hash_of_prompt TO prompt_hash",),
        "cascade_revisions",
        "table cascade_revisions has no column named prompt_hash",
        "beatContent",
    ),
}


@pytest.fixture
def service(database_url: str) -> Iterator[Service]:
    service = Service(Settings(database_url=database_url, provider="offline", offline_delay_ms=0))
    yield service
    service.close()


def run_to_its_end(service: Service, actor: Actor, resumed: RunView | None = None) -> RunView:
    """A run, whose steps do not wait as they would for a database that is away."""
    began = time.monotonic()
    with service.executing():
        if resumed is not None:
            run_id = service.desk(actor).resume(resumed.id)
        else:
            plan = service.desk(actor).plan(service.operator().story(HERO).id, {"ordeal": 3}).plan
            run_id = service.desk(actor).start(plan)
        for _ in service.operator().follow(run_id):
            pass
        assert time.monotonic() - began < AWAY_PATIENCE_S, "no silence"
    return service.operator().run(run_id)


@pytest.mark.parametrize("name", CHECKS)
def test_a_rule_of_the_database(service: Service, database_url: str, name: str) -> None:
    if service.database.is_sqlite != name.startswith("sqlite"):
        pytest.skip("of the other kind of database")
    rule, database, actor = CHECKS[name], Database(database_url), service.actor("editor")
    for statement in rule.make:
        database.execute(statement)
    before = database.content()
    run = run_to_its_end(service, actor)
    check_refused(service, run, rule)
    if rule.step == "beatContent":
        assert database.content() == before
    # Again it is told at once, and again nothing is charged.
    again = run_to_its_end(service, actor, run)
    check_refused(service, again, rule)
    assert again.used_credits == 0
    # And when the rule is gone, the run goes on from there.
    for statement in rule.unmake:
        database.execute(statement)
    done = run_to_its_end(service, actor, again)
    assert done.status == "done", done.error
    credits = shapes.credits_document(service.desk(actor).credits())
    check_credits(credits)
    assert (credits["held"], credits["captured"]) == (0, run.estimated_credits)


def check_refused(service: Service, run: RunView, rule: Rule) -> None:
    """The step has the database's reason, whole, and none of the row's text."""
    assert (run.status, run.error_code) == ("failed", "database_refused")
    assert run.error is not None
    assert run.error.startswith(f"The database refused this ({rule.place}): {rule.reason}. ")
    assert run.error_fields["place"] == rule.place
    failed = [step for step in run.steps if step.status == "failed"]
    assert failed
    assert all(step.key.split("/")[1] == rule.step for step in failed)
    assert {step.error_code for step in failed} == {"database_refused"}
    held = service.desk(service.actor("editor")).credits().held
    assert held == 0


def test_a_right_that_is_missing(postgres_url: str) -> None:
    """A role that may read the scenes, and write all else."""
    Service(Settings(database_url=postgres_url, provider="offline")).close()
    database = Database(postgres_url)
    if not database.value("SELECT 1 FROM pg_roles WHERE rolname = 'reader_of_scenes'"):
        database.execute("CREATE ROLE reader_of_scenes LOGIN")
    for schema in ("public", "cascade_dbos"):
        database.execute(f"GRANT ALL ON SCHEMA {schema} TO reader_of_scenes")
        database.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO reader_of_scenes")
        database.execute(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA {schema} TO reader_of_scenes")
    database.execute("REVOKE UPDATE ON scene_plots FROM reader_of_scenes")
    url = sa.make_url(postgres_url).set(username="reader_of_scenes")
    settings = Settings(
        database_url=url.render_as_string(hide_password=False),
        provider="offline",
        offline_delay_ms=0,
    )
    service = Service(settings)
    try:
        run = run_to_its_end(service, service.actor("editor"))
        assert (run.status, run.error_code) == ("failed", "missing_rights")
        assert "permission denied for table scene_plots" in (run.error or "")
        assert "GRANT UPDATE ON scene_plots TO reader_of_scenes" in (run.error or "")
        assert run.used_credits == 5
        assert service.desk(service.actor("editor")).credits().held == 0
    finally:
        service.close()
