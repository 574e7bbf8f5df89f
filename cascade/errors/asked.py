"""What a program that uses the endpoint cannot be given, or has asked for in a wrong way."""

from __future__ import annotations

from cascade.errors.refused import Refused
from cascade.errors.root import said
from cascade.errors.usage import UsageError


class NotAuthenticated(UsageError):
    """No token, or one that is not known, has expired or was revoked: which of them is not told."""

    code = "not_authenticated"

    def __init__(self) -> None:
        super().__init__(
            "This takes a token that is good: send it as `Authorization: Bearer TOKEN`. "
            "`cascade token create --user NAME` makes one."
        )


class UnknownToken(UsageError):
    """No token of that id."""

    code = "unknown_token"

    def __init__(self, token_id: str) -> None:
        super().__init__(
            f'There is no token "{said(token_id)}". `cascade token list` lists the ids there are.',
            token=said(token_id),
        )


class UnreadableBody(UsageError):
    """A body that is no JSON."""

    code = "unreadable_body"

    def __init__(self, why: str) -> None:
        super().__init__(f"The body cannot be read: {why}. Send one JSON object in UTF-8.", why=why)


class BodyTooLarge(UsageError):
    """A body of more bytes than are taken."""

    code = "body_too_large"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"The body is larger than {most:,} bytes. Send fewer changes, or shorter directions.",
            most=most,
        )


class WrongMediaType(UsageError):
    """A body that does not say that it is JSON."""

    code = "wrong_media_type"

    def __init__(self) -> None:
        super().__init__("The body has to be JSON: send it with `Content-Type: application/json`.")


class BadField(UsageError):
    """A field, parameter or header that holds what it may not."""

    code = "bad_field"

    def __init__(self, field: str, why: str, **more: object) -> None:
        super().__init__(
            f"{said(field)} cannot be used: {why}.", field=said(field), why=why, **more
        )


class BadRule(BadField):
    """A rule of a project that cannot be set so: `most` is how much or how many of it may be."""

    code = "bad_rule"

    def __init__(self, rule: str, why: str, most: int = 0) -> None:
        super().__init__(rule, why, cause=rule, most=most)


class WrongStructure(UsageError):
    """A structure that is not the story's."""

    code = "wrong_structure"

    def __init__(self, given: str, own: str) -> None:
        super().__init__(
            f'The story\'s structure is {own}, not {given}. Send it as "structureType".',
            given=given,
            own=own,
        )


class KeyReused(Refused):
    """An idempotency key that stands for another start already."""

    code = "key_reused"

    def __init__(self, run_id: str) -> None:
        super().__init__(
            f"This Idempotency-Key was used for another body; it stands for run {run_id}. "
            "Send a new key with a new body.",
            run=run_id,
        )


class TooMany(Refused):
    """More than a token may have, for now; the causes: `starts` (in a minute), `watchers`."""

    code = "too_many"

    def __init__(self, cause: str, most: int, after_s: int) -> None:
        what = {
            "starts": f"runs than {most} a minute are not started by one token",
            "watchers": f"streams than {most} at a time are not open to one token",
        }[cause]
        super().__init__(
            f"More {what}. Nothing was started; try again in {after_s} s.",
            cause=cause,
            most=most,
            after=after_s,
        )
