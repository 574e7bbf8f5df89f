"""Who may do what: one table by use case, which the desk and every surface are held to.

A row says what a use case comes to for each role, and how each surface asks for it: requests of the
endpoint, commands of the command line, and what on the page is enabled for those who may.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .people import REJECTED

Verdict = Literal["yes", "refused", "unknown", "nothing"]
MEMBERS: Mapping[str, Verdict] = {"viewer": "yes", "editor": "yes", "producer": "yes"}
OTHERS: Mapping[str, Verdict] = {"stranger": "unknown", "nobody": "unknown"}
# Who is of no project and has a role in each.
ADMIN: Mapping[str, Verdict] = {"admin": "yes"}
READ: Mapping[str, Verdict] = {**MEMBERS, **OTHERS, **ADMIN}
# A list is never refused: it leaves out what is not there for somebody.
LISTED: Mapping[str, Verdict] = {**MEMBERS, "stranger": "nothing", "nobody": "nothing", **ADMIN}
# What is about whoever asks is refused to those who are in no project.
OWN: Mapping[str, Verdict] = {**MEMBERS, "stranger": "yes", "nobody": "refused", **ADMIN}

# What a verdict is as a status, and as the exit of a command.
STATUSES: Mapping[Verdict, tuple[int, ...]] = {
    "yes": (200, 202), "nothing": (200,), "refused": (403,), "unknown": (404,),
}  # fmt: skip
EXITS: Mapping[Verdict, int] = {"yes": 0, "nothing": 0, "refused": 5, "unknown": 2}


def only(*roles: str) -> dict[str, Verdict]:
    """Those who may in their project; an admin in each."""
    members: dict[str, Verdict] = {role: "yes" if role in roles else "refused" for role in MEMBERS}
    return {**members, **OTHERS, **ADMIN}


def anywhere(*roles: str, otherwise: Verdict = "refused") -> dict[str, Verdict]:
    """Those who may in any project at all, of which no member is asked for by its id."""
    others = dict.fromkeys(OTHERS, otherwise)
    members: dict[str, Verdict] = {role: "yes" if role in roles else otherwise for role in MEMBERS}
    return {**members, **others, **ADMIN}


@dataclass(frozen=True)
class Row:
    """A use case; `{story}` and `{run}` stand for ids, and a POST with a story sends an order."""

    verdicts: Mapping[str, Verdict]
    http: str | None = None
    commands: tuple[str, ...] = ()
    page: str | None = None

    def may(self) -> list[str]:
        """Those who may do it."""
        return [role for role, verdict in self.verdicts.items() if verdict == "yes"]


_RUN = "/api/ai/runs/{run}"
READS: Mapping[str, Row] = {
    "stories": Row(LISTED, "GET /api/stories", ("stories --json",)),
    "story": Row(READ),
    "document": Row(READ, "GET /api/stories/{story}", ("show {story}", "export {story}")),
    "out_of_date": Row(READ),
    "writers": Row(READ),
    "permitted": Row(READ),
    "draft": Row(READ),
    "plan": Row(READ, commands=("plan {story} --set finale=1",)),
    "propose": Row(READ, "POST /api/ai/plan"),
    "balance": Row(READ),
    "funds": Row(READ),
    "pulse": Row(READ),
    "active_run": Row(READ),
    "runs": Row(LISTED, commands=("runs --json",)),
    "find_run": Row(READ),
    "run": Row(READ, f"GET {_RUN}"),
    "run_in_full": Row(READ),
    "events": Row(READ, f"GET {_RUN}/events", ("events {run}",)),
    "follow": Row(READ, commands=("events {run} --follow",)),
    "stream": Row(READ, f"GET {_RUN}/events?follow=true"),
    "growing": Row(READ),
    "replaced": Row(READ),
    "offer_to_resume": Row(READ),
    # What waits for a decision.
    "waiting": Row(LISTED, commands=("approvals --json",)),
    "request": Row(READ),
    "look_at_request": Row(READ),
    "own_request": Row(READ),
    "signs_of_waiting": Row(LISTED),
    "count_waiting": Row(anywhere("producer", otherwise="nothing")),
    # The story's page, and its parts by themselves.
    "studio": Row(LISTED),
    "curve": Row(READ),
    "pending": Row(READ),
    "beats": Row(READ),
    "progress": Row(READ),
    "offer": Row(READ),
}
# Orders on a request, which take one.
ON_REQUESTS = ("approve", "decline", "ask_for_changes", "withdraw")
ORDERS: Mapping[str, Row] = {
    "save_draft": Row(only("editor", "producer")),
    "edit_draft": Row(only("editor", "producer"), page="numbers"),
    "start": Row(
        only("editor"), commands=("run {story} --set finale=1",), page="Save Tension Levels"
    ),
    "place": Row(only("editor"), "POST /api/ai/regenerate-beats-cascade"),
    "resume": Row(only("editor"), commands=("resume {run}",), page="Resume"),
    "take_up": Row(only("editor"), f"POST {_RUN}/resume"),
    "accept": Row(only("editor"), commands=(f"resume {{run}} --accept {REJECTED}",)),
    "cancel": Row(
        only("editor", "producer"), f"POST {_RUN}/cancel", ("cancel {run}",), "Cancel Process"
    ),
    "approve": Row(only("producer"), f"POST {_RUN}/approve", ("approve {run}",)),
    "decline": Row(only("producer"), f"POST {_RUN}/decline", ("decline {run} --reason Later",)),
    "ask_for_changes": Row(only("producer"), commands=("ask {run} --reason Shorter",)),
    # Of one's own: the editor's here, and an admin's where an admin asks.
    "withdraw": Row(only("editor"), f"POST {_RUN}/withdraw", ("withdraw {run}",)),
    "restore_piece": Row(only("editor"), commands=("restore {run} --piece midpoint/beatContent",)),
    "restore_run": Row(only("editor"), f"POST {_RUN}/restore", ("restore {run}",), "Restore"),
    "import_document": Row(only("editor"), page="Import a story"),
    "fits": Row(only("editor"), commands=("fits {story} midpoint/keyAction --reason Checked",)),
}
# About people, of the sample project where one is named: what is asked for stands in the test.
STAFF: Mapping[str, Row] = {
    # A stranger reads what is theirs.
    "may_see": Row({**LISTED, "stranger": "yes"}),
    "people": Row(anywhere("producer"), commands=("user list --json",)),
    "projects": Row(anywhere("producer", otherwise="nothing"), commands=("project list --json",)),
    "audit": Row(anywhere("producer")),
    "audit_rows": Row(anywhere("producer")),
    "audit_after": Row(anywhere("producer"), commands=("audit --json", "audit --json --after 1")),
    "set_role": Row(only()),
    "set_admin": Row(anywhere()),
    "add_person": Row(only()),
    "create_token": Row(anywhere()),
    "revoke_token": Row({**only("editor"), "viewer": "unknown"}),
    "grant": Row(only("producer")),
    # Everybody's own, and what else is theirs to see.
    "money": Row(OWN),
    "ledger_rows": Row(OWN),
    "all_runs": Row(OWN),
    "statement": Row(only("producer")),
    "set_project": Row(only("producer")),
}
