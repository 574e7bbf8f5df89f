"""Commands about people: who there is and what they are, projects, and who did what."""

from __future__ import annotations

from typing import Any, cast

import click
from click.core import ParameterSource

from cascade import shapes
from cascade.cli.base import as_json, cli, opened, print_json, say, seen_by, view, with_service
from cascade.display import one_line, to_json
from cascade.errors import UsageError
from cascade.service import (
    MOST_OF_A_RULE,
    AuditEntry,
    RuleChange,
    Rules,
    Service,
    Standing,
)

ROLES = ("viewer", "editor", "producer", "admin")
NONE = "none"

in_project = click.option("--project", metavar="P", help="In which project, by its id or name.")


@cli.group()
def user() -> None:
    """Add people, say what they are, list them."""


@user.command()
@click.argument("name", metavar="NAME")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What they are.")
@in_project
@click.option("--display-name", metavar="N", default="", help="Their name as people read it.")
@with_service
def add(service: Service, name: str, role: str, project: str | None, display_name: str) -> None:
    """Add somebody; an admin is one in every project.

    Who signs in with a verified e-mail of that name is that person.
    """
    service.operator().user_add(name, cast(Standing, role), project, display_name)
    say(f"{one_line(name)} is {_a(role)} now.")


@user.command("role")
@click.argument("name", metavar="NAME")
@click.argument("role", metavar="ROLE|none", type=click.Choice([*ROLES, NONE]))
@in_project
@with_service
def role_(service: Service, name: str, role: str, project: str | None) -> None:
    """Say what somebody is; `none` without a project takes all that they are."""
    given = None if role == NONE else cast(Standing, role)
    service.operator().user_role(name, given, project)
    where = "" if project is None or role == "admin" else f" in {one_line(project)}"
    what = f"nothing{where} any more" if given is None else f"{_a(role)}{where} now"
    say(f"{one_line(name)} is {what}.")


@user.command("list")
@seen_by
@as_json
@with_service
def list_users(service: Service, user: str | None, as_json: bool) -> None:
    """List the people there are, with what each is in which project."""
    people = view(service, user).people()
    found = shapes.people_documents(people)
    if as_json:
        print_json(found)
        return
    called = {one.id: f" in {one_line(one.name)}" for one in people.projects}
    for one in found:
        roles = ", ".join(f"{role}{called.get(of, '')}" for of, role in one["roles"].items())
        say(f"{one_line(one['name'])}  {one_line(one['displayName'])}: {roles or 'in no project'}")


@cli.group()
def project() -> None:
    """List projects, and set what each allows."""


@project.command("list")
@seen_by
@as_json
@with_service
def list_projects(service: Service, user: str | None, as_json: bool) -> None:
    """List projects, with what was spent this month and what runs hold."""
    found = view(service, user).projects()
    if as_json:
        print_json([shapes.project_document(one) for one in found])
        return
    for one in found:
        say(f"{one.id}  {one_line(one.name)}: {one.spent} spent this month, {one.held} held")
        say(f"  {_rules(one.rules)}")


class _Credits(click.ParamType[int | None]):
    """Whole credits, or none."""

    name = "N|none"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | None:
        """The number; None where none is said."""
        return None if value == NONE else _NUMBER.convert(value, param, ctx)


_NUMBER = click.IntRange(0, MOST_OF_A_RULE)


@project.command("set")
@click.argument("name", metavar="[P]", required=False)
@click.option(
    "--approve-above",
    metavar="N|none",
    type=_Credits(),
    help="The price above which a run needs a request.",
)
@click.option("--budget", metavar="N|none", type=_Credits(), help="What runs may use in a month.")
@click.option("--time-zone", metavar="ZONE", help="In which its months begin, as Asia/Jakarta.")
@click.option(
    "--writer",
    "writers",
    metavar="NAME|none",
    multiple=True,
    help="A server that may write, or offline; again for several, none for any.",
)
@click.pass_context
def set_project(context: click.Context, /, name: str | None, **given: Any) -> None:
    """Set what a project allows, by its id or name; what is not said stays as it is."""
    said = {key: given[key] for key in given if _is_said(context, key)}
    if not said:
        raise UsageError(
            "Nothing is said that could be set. `cascade project set --help` lists it."
        )
    if said.get("writers") == (NONE,):
        said["writers"] = None
    with opened() as service:
        now = service.operator().set_project(name, cast(RuleChange, said))
    say(_rules(now))


def _is_said(context: click.Context, option: str) -> bool:
    return context.get_parameter_source(option) is not ParameterSource.DEFAULT


def _rules(of: Rules) -> str:
    """What a project allows, on a line."""
    above = "none" if of.approve_above is None else str(of.approve_above)
    budget = "none" if of.budget is None else f"{of.budget} a month"
    writers = "any" if of.writers is None else ", ".join(map(one_line, of.writers))
    return f"approve above: {above}; budget: {budget}; {of.time_zone}; writers: {writers}"


@cli.command()
@click.option(
    "--after",
    metavar="ID",
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    help="Only what is newer.",
)
@seen_by
@as_json
@with_service
def audit(service: Service, after: int, user: str | None, as_json: bool) -> None:
    """List who did what, with what was there before and after; the newest last."""
    found = view(service, user).audit_after(after)
    if as_json:
        print_json([shapes.audit_document(one) for one in found])
        return
    for one in found:
        say(_line(one))


def _line(one: AuditEntry) -> str:
    who = "operator" if one.user is None else one_line(one.user)
    change = ""
    if one.before is not None or one.after is not None:
        change = f": {one_line(to_json(one.before))} → {one_line(to_json(one.after))}"
    where = "" if one.project is None else f" in {one_line(one.project)}"
    why = "" if one.reason is None else f" ({one_line(one.reason)})"
    return (
        f"{one.id}  {one.at:%F %R}  {who}  {one.action} {one_line(one.object)}{change}{where}{why}"
    )


def _a(role: str) -> str:
    return f"an {role}" if role[0] in "ae" else f"a {role}"
