"""What cannot be said of people, or be taken from them."""

from __future__ import annotations

from typing import Literal

from cascade.errors.refused import Refused
from cascade.errors.root import said
from cascade.errors.usage import UsageError


class BadName(UsageError):
    """A name that nobody can be given."""

    code = "bad_name"

    def __init__(self, name: str, most: int) -> None:
        super().__init__(
            f'"{said(name)}" can be nobody\'s name: it is to have 1 to {most} characters, each of '
            "them one that shows. Give another.",
            name=said(name),
            most=most,
        )


class BadIdentity(UsageError):
    """What a sign-in says somebody is cannot be kept; the causes: `issuer`, `subject`."""

    code = "bad_identity"

    def __init__(self, cause: Literal["issuer", "subject"], most: int) -> None:
        super().__init__(
            f"Nobody can be signed in with this: its {cause} is missing, is no text that can be "
            f"kept, or has more than {most} characters. Ask whoever runs the sign-in.",
            cause=cause,
            most=most,
        )


class NameTaken(Refused):
    """A name that somebody has already."""

    code = "name_taken"

    def __init__(self, name: str) -> None:
        super().__init__(
            f'There is a "{said(name)}" already. Give that person a role, or give another name.',
            name=said(name),
        )


class LastAdmin(Refused):
    """The only admin would be none any more."""

    code = "last_admin"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{said(name)} is the only admin, and nobody could give roles any more. Make somebody "
            "else an admin first.",
            user=said(name),
        )


class SignedOut(UsageError):
    """Whoever a page was drawn for is not signed in there any more."""

    code = "signed_out"

    def __init__(self) -> None:
        super().__init__("You are signed out, so nothing was done. Sign in and do it again.")


class GrantIncomplete(Refused):
    """Credits that would be given without a reason, or none at all."""

    code = "grant_incomplete"

    def __init__(self) -> None:
        super().__init__(
            "To give credits takes a number other than 0, and a reason. Say both; a number below 0 "
            "takes back what was given in error."
        )
