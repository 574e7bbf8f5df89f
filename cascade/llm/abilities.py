"""What a server can do with a model: asked for, found out from refusals, done without, remembered.

The patterns are tried on what a refusal says (`wordings.words_of`), which names the field or
speaks of it in one of many ways.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from cascade.llm.prompting import Prompt
from cascade.llm.structured import FORMS, Form, response_format
from cascade.llm.wordings import kept_no_form

Length = Literal["max_completion_tokens", "max_tokens", "none"]
_NEXT_LENGTH: Mapping[Length, Length] = {
    "max_completion_tokens": "max_tokens", "max_tokens": "none", "none": "none",
}  # fmt: skip
# Tokens for a text of so many words, in any language and as JSON; and then for thoughts: none
# where the context is small, some, or many for a model that was cut off in its thoughts.
_TOKENS_A_WORD = 3
_TOKENS_AROUND = 100
_ROOMS = (0, 2_048, 16_384)
USUAL_ROOM = 1

# Statuses with which servers answer to a part of a request they do not know; llama.cpp's says 500.
_UNKNOWN_PART = frozenset({400, 404, 405, 415, 422, 500, 501})
_PARAM = re.compile(r"^(?:param|loc)=(?:body\.)?(.{1,80})$", re.MULTILINE)
_ABOUT_USAGE = re.compile(r"stream_options|include_usage", re.IGNORECASE)
_ABOUT_EFFORT = re.compile(
    r"reasoning[_.\s-]?effort"
    r"|\breasoning\b.{0,60}\b(?:not support|unsupported|not available|not enabled|unknown)"
    r"|(?:not support|unsupported|unrecognized).{0,60}\b(?:reasoning|thinking)\b",
    re.IGNORECASE,
)
_ABOUT_TEMPERATURE = re.compile(r"\btemperature\b", re.IGNORECASE)
_ABOUT_LENGTH = re.compile(
    r"max_?(?:completion|output|new)?_?tokens|maximum (?:number of )?(?:output|completion) tokens",
    re.IGNORECASE,
)
# The limit that was sent, not its name: too large a number, or with the prompt above the context.
_TOO_MUCH = re.compile(
    r"too (?:large|high|big)|at most|exceed|maximum (?:context|allowed|value|number)|less than"
    r"|must be (?:<|in|between)|in the completion|out of range|greater than|larger than",
    re.IGNORECASE,
)
_SPEAKS_OF_COMPLETION = re.compile(
    r"max_?(?:completion|output|new)?_?tokens|\bcompletion\b|max(?:imum)? output", re.IGNORECASE
)
_ABOUT_FORM = re.compile(
    r"response_format|json_schema|json_object|json mode|structured.?output|grammar|schema"
    r"|guided_json",
    re.IGNORECASE,
)
_ABOUT_SYSTEM = re.compile(
    r"\b(?:system|developer)['\"`]?[ _-](?:role|message|prompt|instruction)s?\b"
    r"|\brole\b.{0,40}\b(?:system|developer)\b|\b(?:system|developer)\b.{0,40}\broles?\b"
    r"|roles? (?:\w{1,12} )?(?:must|should) (?:be )?alternat"
    r"|only user(?:, | and )(?:\w{1,12} and )?(?:assistant|model)|(?:start|begin)s? with a user"
    r"|first message.{0,40}\buser\b|messages[.\[]0\]?\.role|should be 'user'"
    r"|(?:invalid|unexpected|unknown|unsupported) (?:message )?role"
    r"|does not support (?:the )?system",
    re.IGNORECASE,
)
# OpenAI itself refuses streaming of some models to organisations it has not verified.
_ABOUT_STREAM = re.compile(
    r"stream(ing)?\b.{0,80}\b(not (supported|allowed|available)|unsupported|disabled)"
    r"|(verified|not support|unsupported).{0,80}\bstream|^param=stream$",
    re.IGNORECASE | re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the settings ask of every call besides the model: left out where it is refused."""

    temperature: float | None = None
    effort: str | None = None


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a server can do with a model, so far as it has not said otherwise."""

    form: Form = "json_schema"
    streams: bool = True
    counts: bool = True  # knows stream_options
    system: bool = True  # takes the system's role; otherwise its words open the user's message
    length: Length = "max_completion_tokens"  # the name that its limit of an answer goes by
    room: int = USUAL_ROOM  # how much it may write besides the text
    temperature: bool = True
    effort: bool = True
    invalid: int = 0  # how often in a row its model has not kept the form that it promises

    def request(
        self, model: str, prompt: Prompt, name: str, words: int, wishes: Wishes
    ) -> dict[str, Any]:
        """The request for one text of at most so many words, under the property `name`."""
        request: dict[str, Any] = {
            "model": model,
            "messages": prompt.messages if self.system else prompt.folded,
        }
        if self.streams:
            request["stream"] = True
            if self.counts:
                request["stream_options"] = {"include_usage": True}
        if form := response_format(self.form, name):
            request["response_format"] = form
        if self.length != "none":
            request[self.length] = self.tokens(words)
        if self.temperature and wishes.temperature is not None:
            request["temperature"] = wishes.temperature
        if self.effort and wishes.effort is not None:
            request["reasoning_effort"] = wishes.effort
        return request

    def tokens(self, words: int) -> int:
        """The limit that is sent for a text of at most so many words."""
        return words * _TOKENS_A_WORD + _TOKENS_AROUND + _ROOMS[self.room]

    def after_refusal(self, status: int, words: str, sent: Mapping[str, Any]) -> Abilities | None:
        """What is left after a refusal of the request `sent`; None if it is about no ability."""
        if kept_no_form(words):
            return self.after_invalid()
        if status not in _UNKNOWN_PART and status != 413:
            return None
        if self.length in sent and _TOO_MUCH.search(words) and _SPEAKS_OF_COMPLETION.search(words):
            return self._with_less()
        params = "\n".join(_PARAM.findall(words))
        # A field that is named decides; what else a sentence mentions may be advice.
        for said in (params, words):
            for pattern, is_asked, without in self._parts(sent):
                if is_asked and pattern.search(said):
                    return without()
        return None

    def after_invalid(self) -> Abilities | None:
        """After an answer that the server itself found out of form: once more, then looser."""
        if self.form == FORMS[-1]:
            return None
        if not self.invalid:
            return replace(self, invalid=1)
        return replace(self._looser(), invalid=0)

    def after_cut(self, words: int, used: int) -> Abilities:
        """After an answer that was cut off when it had used so many tokens.

        Far fewer than were allowed: the limit's name is not known there, and a small default holds.
        All of them: a model that thinks needs more room.
        """
        if self.length == "none":
            return self
        if used < self.tokens(words) * 0.8:
            other = _NEXT_LENGTH[self.length]
            return self if other == "none" else replace(self, length=other)
        if self.room < len(_ROOMS) - 1:
            return replace(self, room=self.room + 1)
        return self

    def _parts(
        self, sent: Mapping[str, Any]
    ) -> tuple[tuple[re.Pattern[str], bool, Callable[[], Abilities]], ...]:
        """The parts that a request can do without: what speaks of each, and whether it was sent."""
        return (
            (_ABOUT_USAGE, "stream_options" in sent, lambda: replace(self, counts=False)),
            (_ABOUT_EFFORT, "reasoning_effort" in sent, lambda: replace(self, effort=False)),
            (_ABOUT_TEMPERATURE, "temperature" in sent, lambda: replace(self, temperature=False)),
            (_ABOUT_LENGTH, self.length in sent, self._other_length),
            (_ABOUT_FORM, "response_format" in sent, self._looser),
            (_ABOUT_SYSTEM, self.system, lambda: replace(self, system=False)),
            (_ABOUT_STREAM, "stream" in sent, lambda: replace(self, streams=False)),
        )

    def _other_length(self) -> Abilities:
        return replace(self, length=_NEXT_LENGTH[self.length])

    def _with_less(self) -> Abilities:
        return replace(self, room=self.room - 1) if self.room else replace(self, length="none")

    def _looser(self) -> Abilities:
        return replace(self, form=FORMS[min(FORMS.index(self.form) + 1, len(FORMS) - 1)])


_Key = tuple[str, str]
# By (base URL, model), for the life of the process: a server is asked about an ability once.
KNOWN: dict[_Key, Abilities] = {}


def learn(key: _Key, before: Abilities, now: Abilities) -> None:
    """Remembers what a call has found out, unless another call has found out more meanwhile."""
    if now != before and KNOWN.get(key, Abilities()) == before:
        KNOWN[key] = now
