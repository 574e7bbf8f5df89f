"""Where a model's thoughts begin and end in what it writes, in the many wrappers that are in use.

What is thought is never an answer: not a draft in it, and not an answer it quotes. Every pattern
here looks at each character a bounded number of times, whatever the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

# No mark is longer, even with generous white space and attributes.
LONGEST_MARK = 200

Family = Literal["think", "reason", "draft", "channel", "bare", "token", "details"]

# <think>, [THINK], ◁think▷, <|thinking|>, </thought>, <thinking mode="x">, <seed:think> and so on.
_THINK = r"(?:seed:|ant)?think(?:ing)?|thoughts?"
_REASON = r"reason(?:ing)?|rationale|analysis|reflection|(?:inner_|internal_)?monologue"
_DRAFT = r"drafts?|scratch_?pad|plan(?:ning)?"
_ANSWER = r"(?:final[_ ]?)?(?:answer|response|output|solution)|final"
_ATTRIBUTES = r"(?:\s[^<>\[\]{}\n]{0,100})?"
_MARK = re.compile(
    rf"""
    [<\[◁] \|? \s{{0,3}} (?P<end>/)? \s{{0,3}}
        (?: (?:begin|start)_(?:of_)? | (?P<finish>end)_(?:of_)? )?
        (?: (?P<think>{_THINK}) | (?P<answer>{_ANSWER}) )
        {_ATTRIBUTES} \|? [>\]▷]
    | < \|? (?P<end_>/)? (?: (?:begin|start)_(?:of_)? | (?P<finish_>end)_(?:of_)? )?
        (?: (?P<reason>{_REASON}) | (?P<draft>{_DRAFT}) )
        {_ATTRIBUTES} \|? >
    # Channels: <|channel|>analysis<|message|>…<|end|>, <|channel>thought…<channel|>
    | <\|channel\|?> \s{{0,5}} (?P<channel>[a-z_]{{1,30}})
    | (?P<channel_end><channel\|>)
    # The same where the server has swallowed the marks and left the words.
    | (?P<bare_end>assistantfinal)
    | \A\s{{0,20}}(?P<bare>analysis)(?-i:(?=[A-Z]))
    | (?P<token><unused94>) | (?P<token_end><unused95>)
    | (?P<details><details\s[^<>{{}}\n]{{0,80}}reasoning[^<>{{}}\n]{{0,80}}>)
    """,
    re.IGNORECASE | re.VERBOSE,
)
_FAMILIES: tuple[Family, ...] = ("think", "reason", "draft", "bare", "token", "details")
_CLOSED_BY_HAND: tuple[tuple[str, Family], ...] = (
    ("channel_end", "channel"), ("bare_end", "bare"), ("token_end", "token"),
)  # fmt: skip
_ENDS: dict[Family, re.Pattern[str]] = {
    "think": re.compile(
        rf"[<\[◁]\|?\s{{0,3}}(?:/\s{{0,3}}|end_(?:of_)?)(?:{_THINK})\s{{0,20}}\|?[>\]▷]",
        re.IGNORECASE,
    ),
    "reason": re.compile(rf"<\|?(?:/|end_(?:of_)?)(?:{_REASON})\s{{0,20}}\|?>", re.IGNORECASE),
    "draft": re.compile(rf"<\|?(?:/|end_(?:of_)?)(?:{_DRAFT})\s{{0,20}}\|?>", re.IGNORECASE),
    # The next channel ends one too; it is not part of the end, for it says what comes.
    "channel": re.compile(
        r"<\|(?:end|return|call|start|im_end|im_start)\|>|<channel\|>|(?=<\|channel\|?>)",
        re.IGNORECASE,
    ),
    "bare": re.compile(r"assistantfinal", re.IGNORECASE),
    "token": re.compile(r"<unused95>"),
    "details": re.compile(r"</details>", re.IGNORECASE),
}
_ANSWERING = frozenset({"final", "answer", "response", "output", "text", "content"})


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark at its place: a thought opens, or one that nobody saw open closes, or an answer does.

    Models quote marks in their thoughts, and chat templates swallow the first one. So what stands
    before a `close` was a thought too, whatever it looked like.
    """

    start: int
    end: int
    kind: Literal["open", "close", "answer", "answer_end"]
    family: Family = "think"


def next_mark(text: str, at: int) -> Mark | None:
    """The first mark from there on, outside of any thought."""
    match = _MARK.search(text, at)
    if match is None:
        return None
    start, end, group = match.start(), match.end(), match.groupdict()
    closes = group["end"] or group["end_"] or group["finish"] or group["finish_"]
    if group["answer"]:
        return Mark(start, end, "answer_end" if closes else "answer")
    if group["channel"]:
        answers = group["channel"].lower() in _ANSWERING
        return Mark(start, end, "answer" if answers else "open", "channel")
    for name, family in _CLOSED_BY_HAND:
        if group[name]:
            return Mark(start, end, "close", family)
    family = next(one for one in _FAMILIES if group[one])
    return Mark(start, end, "close" if closes else "open", family)


def end_of_thought(text: str, at: int, family: Family) -> int | None:
    """Where a thought that has opened before `at` is over; None where it does not end."""
    match = _ENDS[family].search(text, at)
    return match.end() if match else None
