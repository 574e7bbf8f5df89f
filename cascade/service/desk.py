"""One person's view of everything: what a page, a command with `--user` or a client works with."""

from __future__ import annotations

from cascade import ledger, samples
from cascade.ledger import Credits
from cascade.service.access import View
from cascade.service.auditing import Auditing
from cascade.service.drafting import Drafting
from cascade.service.house import House
from cascade.service.listing import Listing
from cascade.service.money import Money, Stating
from cascade.service.offers import Funds, funds_of
from cascade.service.ordering import Ordering
from cascade.service.people import Staffing
from cascade.service.requesting import Deciding
from cascade.service.ruling import Ruling
from cascade.service.stories import Importing, Stories
from cascade.service.studio import Studying
from cascade.service.undoing import Dismissing, Undoing
from cascade.service.writing import Writing
from cascade.store import accounts, pulse
from cascade.store.accounts import Actor
from cascade.store.pulse import Pulse


class Account(View):
    """The use cases about one's own credits, and what a page of one's own has to say."""

    _actor: Actor

    @property
    def actor(self) -> Actor:
        """Whose view it is."""
        return self._actor

    def credits(self) -> Credits:
        """What they have, hold and have used, with every movement."""
        with self._reading() as gate:
            own = [account.id for account in accounts.accounts_of(gate.session, self._actor)]
            return ledger.statement(gate.session, self._actor.name, own)

    def balance(self, story_id: str) -> int:
        """Credits they have available for runs on a story. Raises UnknownStory."""
        with self._reading() as gate:
            return accounts.available(gate.session, self._actor, gate.project(story_id))

    def funds(self, story_id: str) -> Funds:
        """What they have for runs on a story, and what runs hold of it. Raises UnknownStory."""
        with self._reading() as gate:
            return funds_of(gate.purses(self._actor, gate.project(story_id)))

    def pulse(self, story_id: str) -> Pulse:
        """A few signs that change whenever a page about the story has something new to show.

        Cheap: it is asked every few seconds by every open page, and reads no text.
        Raises UnknownStory.
        """
        with self._reading() as gate:
            project_id = gate.project(story_id)
            gate.permit_in("read", project_id)
            may = gate.permitted_in(project_id)
            return pulse.take(gate.session, self._actor, story_id, may)


class Demo(View):
    """The use cases about a database that holds nothing but the samples."""

    def is_demo(self) -> bool:
        """Whether there is nothing but the samples in the database, so that it may be reset."""
        with self._reading() as gate:
            return samples.whose(gate.session) is None

    def reset_demo(self) -> None:
        """Puts the sample stories, users and credits back as a new database gets them.

        For whoever may start runs in every project. Raises NotADemo where the database holds
        anything that is not the samples' or a run is under way.
        """
        with self._writing() as gate:
            gate.permit_everywhere("start")
            samples.reset(gate.session)


class Desk(
    Stories,
    Importing,
    Drafting,
    Studying,
    Ordering,
    Deciding,
    Undoing,
    Dismissing,
    Account,
    Staffing,
    Ruling,
    Money,
    Stating,
    Listing,
    Auditing,
    Demo,
    Writing,
):
    """One person's view, bound once; it checks every read and every order.

    A story or run of a project of which they are no member is unknown, whatever the id
    (UnknownStory, UnknownRun); what their role does not cover is refused (NotAllowed). Roles are
    read in the transaction of the use case itself, so that one that was taken away counts at once.
    """

    _actor: Actor

    def __init__(self, house: House, actor: Actor) -> None:
        super().__init__(house, actor)
