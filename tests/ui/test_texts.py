"""The catalogues: every text is used, every text that is used is there, in both languages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Formatter
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from jinja2 import Environment, nodes

from cascade.ui.kit import html, language, texts
from cascade.ui.kit.language import LANGUAGES, Language

UI = Path(texts.__file__).parents[1]
TAKERS = {"text", "count", "writer_words"}


def read(of: Language) -> Catalog:
    file = texts.LOCALES / of / "LC_MESSAGES" / f"{texts.DOMAIN}.po"
    with file.open("rb") as opened:
        return read_po(opened, locale=of)


CATALOGUES = {of: read(of) for of in LANGUAGES}


def key_of(message_id: object) -> str:
    return message_id if isinstance(message_id, str) else message_id[0]  # type: ignore[index]


KEYS = {of: {key_of(one.id) for one in found if one.id} for of, found in CATALOGUES.items()}
EVERY = sorted(set.union(*KEYS.values()))


TEMPLATES = [
    Environment().parse(path.read_text(encoding="utf-8")) for path in html.TEMPLATES.rglob("*.j2")
]


def used() -> Iterator[str]:
    """The keys in the code: literal ones, and as patterns those that are put together."""
    for template in TEMPLATES:
        for const in template.find_all(nodes.Const):
            yield re.escape(str(const.value))
        for joined in template.find_all(nodes.Concat):
            yield "".join(
                re.escape(part.value) if isinstance(part, nodes.Const) else r"\w+"
                for part in joined.nodes
            )
    for path in UI.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Constant | ast.JoinedStr):
                continue
            if isinstance(node, ast.Constant):
                if isinstance(node.value, str) and re.fullmatch(r"[a-z]+(\.\w+)*", node.value):
                    yield re.escape(node.value)
                continue
            parts = [
                re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"\w+"
                for part in node.values
            ]
            # What stands before the first place names a part of the catalogue.
            if re.match(r"[a-z]+\\\.", parts[0]):
                yield "".join(parts)


USED = [re.compile(one) for one in used()]


@pytest.mark.parametrize("key", EVERY)
def test_every_text_is_used_and_in_every_language(key: str) -> None:
    forms = {key, re.sub(r"_(offline|model)$", "", key)}
    assert any(pattern.fullmatch(form) for pattern in USED for form in forms)
    for of in LANGUAGES:
        assert key in KEYS[of], of


def test_every_text_that_is_used_is_there() -> None:
    asked = set()
    for template in TEMPLATES:
        for call in template.find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name in TAKERS:
                asked |= {call.args[0].value} if isinstance(call.args[0], nodes.Const) else set()
                asked |= {
                    one.value
                    for found in call.find_all(nodes.CondExpr)
                    for one in (found.expr1, found.expr2)
                    if isinstance(one, nodes.Const)
                }
    for path in UI.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in TAKERS:
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    asked.add(first.value)
                elif isinstance(first, ast.IfExp):
                    asked |= {one.value for one in (first.body, first.orelse)}  # type: ignore[attr-defined]
    assert len(asked) > 100
    known = set(EVERY) | {re.sub(r"_(offline|model)$", "", key) for key in EVERY}
    assert asked <= known


@pytest.mark.parametrize("of", LANGUAGES)
def test_no_text_is_empty_or_fuzzy_and_all_fill_the_same_places(of: Language) -> None:
    for message in CATALOGUES[of]:
        if not message.id:
            continue
        forms = forms_of(message)
        assert not message.fuzzy
        assert all(form.strip() or form == message.id for form in forms), message.id
        english = CATALOGUES["en"].get(message.id)
        assert english is not None
        theirs = forms_of(english)[-1]
        for form in forms:
            # A form for one may leave the number out.
            assert places(form) | {"n"} == places(theirs) | {"n"}, message.id


def forms_of(message: Message) -> list[str]:
    """A text in its forms, one for each kind of number; one alone where it depends on none."""
    said = message.string or ""
    return [said] if isinstance(said, str) else list(said)


def places(words: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(words) if name is not None}


def test_indonesian_has_one_form_and_is_not_english() -> None:
    for message in CATALOGUES["id"]:
        if message.id and not isinstance(message.id, str):
            assert len(forms_of(message)) == 1
    same = {key for key in EVERY if said(key, "id") == said(key, "en")}
    # Names, signs, and terms of the trade that Indonesian film-makers use as they are.
    assert len(same) < 25, sorted(same)
    bare = {key: re.sub(r"{\w+}", "", str(said(key, "en"))) for key in same}
    assert {key for key, words in bare.items() if len(re.findall(r"\w+", words)) > 3} == set()


def said(key: str, of: Language) -> object:
    found = CATALOGUES[of].get(key)
    return found.string if found is not None else None


def test_the_key_sentences_are_as_they_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "language", lambda: "id")
    assert [
        texts.text("confirm.changes"),
        texts.text("confirm.rewrites"),
        texts.count("confirm.beatContent", 2),
        texts.count("confirm.keyAction", 2),
        texts.count("confirm.scenePlot", 5),
        texts.count("confirm.script", 5),
        texts.count("confirm.estimate", 45),
        texts.text("confirm.cancel"),
    ] == [
        "Anda akan menyimpan perubahan tension level berikut:",
        "PERHATIAN: Ini akan REGENERATE konten berikut:",
        "Beat Content (2 beats)",
        "Key Actions (2 beats)",
        "Scene Plots (5 scenes terkait)",
        "Scripts (5 scripts terkait)",
        "Estimasi Credit: 45 credits",
        "Batal",
    ]
    given = "Konten lama akan diganti dengan konten baru sesuai tension level."
    assert texts.text("confirm.warning").startswith(given)
    pending = texts.count("banner.pending", 2, changes="x")
    assert pending.startswith("2 beat dengan perubahan tension belum disimpan")


def test_a_text_that_is_not_there_is_an_error() -> None:
    for missing in (texts.text, lambda key: texts.count(key, 2)):
        with pytest.raises(KeyError):
            missing("no.such.text")


@pytest.mark.parametrize(
    ("of", "number", "money", "moment", "listing"),
    [
        ("en", "12,345", "$0.0224", ("17:04", "Nov 25, 2026, 17:04"), "a, b, and c"),
        ("id", "12.345", "US$0,0224", ("17.04", "25 Nov 2026 17.04"), "a, b, dan c"),
    ],
)
def test_numbers_money_dates_and_lists_are_the_languages(
    monkeypatch: pytest.MonkeyPatch,
    of: str,
    number: str,
    money: str,
    moment: tuple[str, str],
    listing: str,
) -> None:
    monkeypatch.setattr(texts, "language", lambda: of)
    assert texts.number(12345) == number
    assert texts.count("credits", 12345).startswith(number)
    assert texts.money(0.0224, "USD") == money
    when = datetime(2026, 11, 25, 10, 4, tzinfo=UTC)
    jakarta = ZoneInfo("Asia/Jakarta")
    hour, today = moment
    assert texts.moment(when, jakarta, now=when + timedelta(hours=6)) == hour
    # Tomorrow there, though not yet everywhere.
    assert texts.moment(when, jakarta, now=when + timedelta(hours=7)) == today
    assert texts.listing("abc") == listing


@pytest.mark.parametrize(
    ("tag", "known"),
    [
        ("id-ID", "id"),
        ("in_ID", "id"),
        ("en-GB", "en"),
        ("EN", "en"),
        ("fr-FR", None),
        ("", None),
        (None, None),
        ("idaho", None),
    ],
)
def test_a_browsers_tag_is_understood(tag: object, known: str | None) -> None:
    assert language.known(tag) == known


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "about 1 second"), (16.4, "about 16 seconds"), (150, "about 2 minutes")],
)
def test_durations_are_rough(seconds: float, words: str) -> None:
    assert texts.duration(seconds) == words
