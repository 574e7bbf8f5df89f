"""What servers mean by their errors: every one has its own words for the same few causes.

The words are only looked at, and never repeated: they may quote the prompt, or the key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal

Cause = Literal["quota", "auth", "refused", "too_long", "loading", "rate_limit", "model", "address"]

# Where servers put what they have to say. Nothing else is read: not the request that some send
# back, and not the text that a model wrote for a form it did not keep.
_SPEAKING = frozenset(
    {"error", "errors", "message", "msg", "detail", "details", "title", "description", "raw"}
    | {"error_description", "error_message", "error_msg", "error_code", "innererror"}
    | {"inner_error", "reason", "reasons", "code", "type", "param", "status", "status_code", "loc"}
    | {"metadata", "violations", "quotaid", "quotametric"}
)
_NAMED = frozenset({"code", "type", "param", "status", "reason", "quotaid"})
_DEEPEST = 10
_MOST = 16_000

# Codes, and then words. Each quantifier is bounded, so the work is in proportion to the words.
_QUOTA = re.compile(
    r"insufficient[_ ](?:quota|balance|credits?|funds?)|billing_(?:hard_limit|not_active)"
    r"|exceeded_current_quota_error|arrearage|freetieronly|code=1113\b|payment[ _]required"
    r"|(?:balance|credits?|funds?)\b.{0,40}(?:too low|insufficient|exhausted|depleted|not enough"
    r"|used up|negative|run out|ran out)"
    r"|(?:not enough|no|out of|more|exceeded your)(?: \w{1,20}){0,3} (?:balance|credits?|funds?)\b"
    r"|overdue|in good standing|spend(?:ing)? limit|余额不足|欠费",
    re.IGNORECASE,
)
# The same words are used for a limit a minute; whoever says when to come again means that.
_QUOTA_OR_RATE = re.compile(
    r"(?:exceeded|check) your (?:current quota|plan)|billing", re.IGNORECASE
)
_A_DAY = re.compile(r"per_?day", re.IGNORECASE)
_AUTH = re.compile(
    r"invalid_?(?:api|access|auth)_?(?:key|token)|api_key_invalid|authentication_?error"
    r"|unauthori[sz]ed|unauthenticated|no auth credentials"
    r"|(?:invalid|incorrect|wrong|missing|expired|revoked|malformed|unknown|bad|(?:no|not a) valid)"
    r"(?: or \w{1,12})?(?: \w{1,12})? (?:api|access|auth\w{0,12}|bearer)[ _-]?"
    r"(?:key|token|header|credentials?)"
    r"|api[ _-]?key\b.{0,60}\b(?:not valid|invalid|incorrect|expired|missing|revoked|disabled"
    r"|required|not found|not provided)"
    r"|(?:didn't|did not|not) provide(?:d)? (?:an|any|your) api key",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"content_?filter|content_policy|content management policy|content policy|responsible_?ai"
    r"|moderation|moderated|data_?inspection|inappropriate content|\bflagged\b"
    r"|prohibited[ _]content"
    r"|sensitive (?:content|information|words?)|content exists risk|considered high risk"
    r"|safety (?:system|filter|setting|reason|polic)|usage (?:polic|guideline)|guardrail"
    r"|violat\w{0,5}\b.{0,60}(?:polic|guideline|terms)|code=1301\b|敏感|不合规",
    re.IGNORECASE,
)
_TOO_LARGE = re.compile(
    r"context[ _-]?(?:length|window|size|limit)|maximum context|n_ctx|exceed_context"
    r"|request (?:is )?too large|reduce the length|reduce your message size|prompt_too_long",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"max(?:imum)?[ _](?:input|prompt|model|sequence)[ _](?:len|length|tokens)"
    r"|(?:prompt|input|request|messages?|texts?)\b.{0,40}\btoo (?:long|large|big)"
    r"|too many (?:\w{1,12} )?tokens|string_above_max|input_too_long|\binputs\b.{0,6}tokens"
    r"|tokens?\b.{0,80}\bexceed|exceed\w{0,3}\b.{0,80}\btokens?\b"
    r"|context\b.{0,40}\boverflow|overflow\w{0,2}\b.{0,40}\bcontext|longer than .{0,40}context"
    r"|tokens? .{0,40}(?:greater|more|larger) than .{0,40}(?:context|maximum|allowed)",
    re.IGNORECASE,
)
_LOADING = re.compile(
    r"(?<!error )(?<!failed )\bloading (?:the )?model|model_?(?:is_?)?loading"
    r"|\bmodel\b.{0,80}\b(?:is|still|currently|being)\b.{0,20}\b(?:load(?:ing|ed)|starting|warming)"
    r"|warming up|still (?:loading|starting)|not (?:yet )?ready|not finished loading",
    re.IGNORECASE,
)
_RATE = re.compile(
    r"rate[ _-]?limit|too[ _]many[ _]requests|throttl|resource_?exhausted|tokens? per min"
    r"|requests? per (?:min|sec|day)|concurrency limit",
    re.IGNORECASE,
)
_MODEL = re.compile(
    r"model_not_found|(?:unknown|invalid|no such|unrecognized) model"
    r"|\bmodel\b.{0,80}\b(?:not found|not exist|unknown|is not a valid|not available)",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"unexpected endpoint|invalid url|unknown (?:request )?(?:url|path|endpoint|route)|unknown_url"
    r"|no (?:such )?route|cannot post|no handler",
    re.IGNORECASE,
)
_NO_FORM = re.compile(
    r"json_validate_failed|failed_generation|generated json|json_parse_error"
    r"|failed to (?:validate|generate|parse) (?:\w{1,12} )?json",
    re.IGNORECASE,
)


def words_of(body: object) -> str:
    """What an error's body says, in lines; names as `code=…`, the path of a field as `loc=a.b`."""
    if isinstance(body, str) and body.lstrip().startswith("<"):
        return ""  # a page: somebody else's words
    return "\n".join(_words(body, "error", 0))[:_MOST]


def cause_of(words: str, *, may_wait: bool = False) -> Cause | None:
    """What the words of an error mean; None where they are none of these.

    `may_wait`: the server said when to come again, so that a quota is one of a minute.
    """
    a_while = may_wait and not _A_DAY.search(words)
    if _QUOTA.search(words) or (not a_while and _QUOTA_OR_RATE.search(words)):
        return "quota"
    rate = bool(_RATE.search(words) or (a_while and _QUOTA_OR_RATE.search(words)))
    causes: tuple[tuple[Cause, bool], ...] = (
        ("auth", bool(_AUTH.search(words))),
        ("refused", bool(_REFUSED.search(words))),
        ("too_long", bool(_TOO_LARGE.search(words))),
        ("rate_limit", rate),
        ("too_long", bool(_TOO_LONG.search(words))),
        ("loading", bool(_LOADING.search(words))),
        ("model", bool(_MODEL.search(words))),
        ("address", bool(_ADDRESS.search(words))),
    )
    return next((cause for cause, is_so in causes if is_so), None)


def kept_no_form(words: str) -> bool:
    """True where a server found by itself that its model did not keep the form asked for."""
    return _NO_FORM.search(words) is not None


def _words(said: object, key: str, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if isinstance(said, Mapping):
        for name, value in list(said.items())[:50]:
            if str(name).lower() in _SPEAKING:
                yield from _words(value, str(name).lower(), depth + 1)
    elif isinstance(said, list):
        if key == "loc":
            yield "loc=" + ".".join(str(part)[:80] for part in said[:8])
            return
        for value in said[:20]:
            yield from _words(value, key, depth + 1)
    elif isinstance(said, str | int) and not isinstance(said, bool):
        text = str(said)[:_MOST] if isinstance(said, str) else format(said, "d")[:20]
        yield f"{key}={text}" if key in _NAMED else text
