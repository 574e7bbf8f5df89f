"""A database with somebody in every role, a stranger, and runs to see and to do something with."""

from __future__ import annotations

from dataclasses import dataclass

from cascade import ledger
from cascade.errors import Reason
from cascade.llm.provider import Answer, Usage
from cascade.runs import lifecycle as runs
from cascade.runs import steps
from cascade.runs.steps import Assignment, Written
from cascade.service import Actor, Desk, Service
from cascade.store import accounts, stories
from cascade.store.calls import Call
from cascade.store.database import Session
from cascade.store.inserting import insert_story
from cascade.store.tables import ProjectMember
from cascade.story.story import Story
from tests.helpers.observe import Database

ROLES = ("viewer", "editor", "producer", "stranger", "nobody")
# With who is of no project and has a role in each.
EVERYBODY = (*ROLES, "admin")
LEVELS = {"midpoint": 4, "allIsLost": 2}
REJECTED = "midpoint/keyAction"
# What the plan of `asked` costs.
PRICE = 33


@dataclass(frozen=True)
class People:
    """Who there is; `mine` is a story of the samples' project, `theirs` one of the stranger's."""

    service: Service
    actors: dict[str, Actor]
    mine: str
    theirs: str

    def desk(self, role: str) -> Desk:
        """What somebody of that role sees and does."""
        return self.service.desk(self.actors[role])

    @property
    def home(self) -> str:
        """The samples' project."""
        return self.service.operator().projects()[0].id


def gather(service: Service) -> People:
    """Adds a stranger, an editor of another project with story and credits, a nobody, an admin."""
    mine = service.operator().stories()[0].id
    admin = service.operator().add_person("admin", "An Admin", "admin", None)
    with service.database.write() as session:
        project_id = accounts.add_project(session, "Another project")
        stranger = accounts.add_user(session, "stranger", "A Stranger", "editor", project_id)
        account = accounts.open_account(session, stranger, project_id)
        ledger.grant(session, account.id, 500)
        theirs = insert_story(
            session, project_id, Story("Theirs", language="en", structure_type="harmon")
        )
        home = stories.project_of(session, mine)
        # A member of no project at all: somebody whose role was taken away.
        nobody = accounts.add_user(session, "nobody", "No Body", "viewer", home)
        member = session.get_one(ProjectMember, (home, nobody.user_id))
        session.delete(member)
        for name in ("viewer", "producer", "admin"):
            # So that it is the role that decides, not the credits.
            account = accounts.open_account(session, accounts.find_actor(session, name), home)
            ledger.grant(session, account.id, 500)
    named = {name: service.actor(name) for name in ("viewer", "editor", "producer")}
    others = {"stranger": stranger, "nobody": nobody, "admin": admin}
    return People(service, {**named, **others}, mine, theirs)


def start(people: People, levels: dict[str, int] | None = None) -> str:
    """A run of the editor's, queued; nobody executes it."""
    desk = people.desk("editor")
    return desk.start(desk.plan(people.mine, levels or LEVELS).plan)


def asked(people: People, role: str = "editor") -> str:
    """A run that somebody has asked for, and that waits."""
    desk = people.desk(role)
    plan = desk.plan(people.mine, {"finale": 1}).plan
    return desk.start(plan, ask=True, note="For the festival")


def save_next(service: Service, run_id: str, text: str = "As new.", latency_ms: int = 40) -> str:
    """Executes one step of a run; its key."""
    with service.database.write() as session:
        key, written = _written(service, session, run_id, text, "saved", latency_ms)
        assert steps.save(session, run_id, key, written) == "saved"
        return key


def stopped(people: People) -> str:
    """A run that was cancelled after its first step."""
    run_id = start(people)
    save_next(people.service, run_id)
    people.desk("editor").cancel(run_id)
    return run_id


def failed(people: People) -> str:
    """A run that failed at its second step, of which a rejected text is kept."""
    run_id = start(people)
    save_next(people.service, run_id)
    with people.service.database.write() as session:
        key, written = _written(people.service, session, run_id, "Refused.", "rejected", 40)
        assert key == REJECTED
        steps.fail(session, run_id, key, Reason("bad_output", "It is bad."), written.call)
        runs.finish(session, run_id)
    return run_id


def _written(
    service: Service, session: Session, run_id: str, text: str, outcome: str, ms: int
) -> tuple[str, Written]:
    runs.begin(session, run_id)
    view = service.operator().run(run_id)
    key = next(step.key for step in view.steps if step.status != "saved")
    assignment = steps.announce(session, run_id, key)
    assert isinstance(assignment, Assignment)
    writer = service.provider
    rejected = text if outcome == "rejected" else None
    call = Call(1, outcome, writer.name, writer.model, ms, rejected_text=rejected)  # type: ignore[arg-type]
    answer = Answer(text, "stop", writer.model, "0" * 16, Usage())
    return key, Written(answer, assignment.brief, writer.name, writer.prompt_version, call)


def delete(database_url: str, story_id: str) -> None:
    """Takes a story away, as the product whose it is does."""
    database = Database(database_url)
    database.execute(
        "DELETE FROM scene_shots WHERE scene_plot_id IN"
        " (SELECT id FROM scene_plots WHERE story_version_id = :s)",
        s=story_id,
    )
    database.execute("DELETE FROM scene_plots WHERE story_version_id = :s", s=story_id)
    database.execute("DELETE FROM story_versions WHERE id = :s", s=story_id)


def edit(people: People, level: int = 2) -> None:
    """Changes something that a request of `asked` was made from, by another run."""
    desk = people.desk("editor")
    run_id = desk.start(desk.plan(people.mine, {"finale": level}).plan)
    save_next(people.service, run_id)
    desk.cancel(run_id)
