"""HTML of the page: made by templates alone, and nothing that is put into one is ever markup."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace as Some

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from cascade.ui.kit import html
from cascade.ui.kit.html import render

ROOT = html.TEMPLATES.parents[2]
SOURCES = [ROOT / "app.py", *(ROOT / "pages").rglob("*.py"), *(ROOT / "cascade/ui").rglob("*.py")]
NAMES = sorted(
    path.relative_to(html.TEMPLATES).as_posix().removesuffix(".html.j2")
    for path in html.TEMPLATES.rglob("*.j2")
)
TAG = re.compile(r"<[a-z][a-z0-9]*(\s|/?>|$)|</")
NASTY = "<script>alert(1)</script>\"' onclick=x '&amp;&"


def literals(path: Path) -> Iterator[str]:
    """The literal texts of a source file but its docstrings; what is filled in stands as `x`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "x" for part in node.values]
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and id(node) not in docstrings:
            yield str(node.value)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_code_makes_a_tag_by_itself(path: Path) -> None:
    assert [words for words in literals(path) if TAG.search(words)] == []


def test_a_tag_in_code_would_be_found(tmp_path: Path) -> None:
    path = tmp_path / "page.py"
    for code in ("'<p>x</p>'", "f'<b class={x}>'", "f'<{x}>'", "f'{x}</{x}>'", "'<br>'.join(x)"):
        path.write_text(f'"""Of <p>."""\nx = {code}\n')
        assert [words for words in literals(path) if TAG.search(words)], code


def test_only_what_writes_html_says_that_something_is_html() -> None:
    # The templates, and the package that sets a screenplay.
    sayers = {path.name for path in SOURCES if re.search(r"Markup\([^)]", path.read_text("utf-8"))}
    assert sayers == {"html.py", "screenplay.py"}
    for path in html.TEMPLATES.rglob("*.j2"):
        assert not re.search(r"\|\s*safe|autoescape|Markup", path.read_text(encoding="utf-8"))


def test_every_template_is_used() -> None:
    assert set(NAMES) <= {words for path in SOURCES for words in literals(path)}


def test_what_is_not_given_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("kit/note", words="x")


def test_lines_of_a_template_leave_no_blanks() -> None:
    shown = render("run/changed", changes=[("kept", " a "), ("rising", "b")])
    assert shown == (
        '<ul class="cascade-changes"><li class="kept"> a </li><li class="rising">b</li></ul>'
    )


# What each template is given, made of one text.
GIVEN: dict[str, Callable[[str], dict[str, object]]] = {
    "kit/about": lambda x: {"words": x},
    "kit/aside": lambda x: {"words": x},
    "kit/changes": lambda x: {
        "changes": [
            Some(new_level=2, previous_level=1, direction=x, stays=False),
            Some(new_level=1, previous_level=2, direction="", stays=False),
            Some(new_level=2, previous_level=2, direction="", stays=True),
        ],
        "short": lambda change: x,
    },
    "kit/inline_note": lambda x: {"words": x},
    "kit/note": lambda x: {"words": x, "tone": x},
    "kit/paragraphs": lambda x: {"parts": [[x, x], [x]]},
    "kit/script": lambda x: {"name": x, "page": x},
    "kit/versions": lambda x: {
        "titles": (x, x),
        "style": x,
        "old": [Some(before=x, marked=x, after=x)],
        "new": [Some(before=x, marked="", after=x)],
    },
    "approvals/card": lambda x: {
        **dict.fromkeys(
            ("price", "left", "who", "story", "address", "note", "why", "over", "changes"), x
        ),
        **{"is_short": True, "comments": [x], "curve_name": x, "texts": x, "beats": [x]},
        "facts": [x],
        "curve": x,
    },
    "approvals/curve": lambda x: {
        **{"width": 10, "height": 10, "before": x, "after": x},
        "changed": [{"at": (1, 1), "is_rising": True}],
    },
    "approvals/list": lambda x: {
        "name": x,
        "rows": [
            {
                **dict.fromkeys(("address", "price", "who", "story", "when"), x),
                "is_shown": True,
            }
        ],
    },
    "audit/entries": lambda x: {
        "name": x,
        "rows": [
            dict.fromkeys(("when", "who", "name", "what", "on", "project", "change", "reason"), x)
        ],
    },
    "credits/budgets": lambda x: {
        "budgets": [
            {
                **dict.fromkeys(("project", "month", "use", "left", "begins", "means"), x),
                **{"state": "low", "used": "10.00", "held": "5.00"},
            }
        ]
    },
    "credits/accounts": lambda x: {
        "name": x,
        "columns": [x],
        "rows": [{"user": x, "project": x, "figures": [x]}],
    },
    "credits/figures": lambda x: {
        "name": x,
        "figures": [(x, x)],
        "held_by": x,
        "holds": [
            {"address": x, "story": x, "credits": x},
            {"address": "", "story": x, "credits": x},
        ],
    },
    "credits/ledger": lambda x: {
        "name": x,
        "has_people": True,
        "rows": [
            dict.fromkeys(
                (
                    "what",
                    "address",
                    "reason",
                    "when",
                    "who",
                    "granted",
                    "held",
                    "captured",
                    "released",
                ),
                x,
            )
        ],
    },
    "credits/spend": lambda x: {
        "name": x,
        "when": x,
        "columns": [x],
        "rows": [{"period": x, "cells": [x], "sum": x}],
        "totals": [x],
        "whole": x,
    },
    "people/members": lambda x: {
        "name": x,
        "rows": [
            {
                **dict.fromkeys(("display_name", "name", "role", "seen"), x),
                "is_admin": True,
                "from_claims": True,
            }
        ],
    },
    "people/tokens": lambda x: {
        "name": x,
        "rows": [dict.fromkeys(("user", "state", "state_words", "made", "until", "used"), x)],
    },
    "run/changed": lambda x: {"changes": [(x, x)]},
    "run/figures": lambda x: {
        "chain": Some(estimated_credits=3, used_credits=2, released_credits=1),
        "parts": [x, x],
    },
    "run/line": lambda x: {"title": x, "where": x, "figures": [x, x], "waits_for": x},
    "run/parts": lambda x: {
        "parts": [{"address": x, "is_shown": True, "name": x, "state": x, "credits": x}],
    },
    "run/steps": lambda x: {
        "lines": [{"state": x, "sign": x, "name": x, "used": x, "state_words": x, "words": x}]
    },
    "run/waiting": lambda x: {"waiting": [x]},
    "runs/attempts": lambda x: {
        "rows": [
            dict.fromkeys(
                (
                    "name",
                    "beat",
                    "number",
                    "outcome",
                    "outcome_words",
                    "why",
                    "began",
                    "latency",
                    "tokens",
                ),
                x,
            )
        ]
    },
    "runs/back": lambda _: {},
    "runs/head": lambda x: {
        "status": x,
        "state": x,
        "facts": [x],
        "id": x,
        "ways": [{"address": x, "words": x}],
    },
    "runs/list": lambda x: {
        "name": x,
        "rows": [
            dict.fromkeys(
                (
                    "story",
                    "address",
                    "what",
                    "who",
                    "when",
                    "status",
                    "state",
                    "retrying",
                    "parts",
                    "estimated",
                    "used",
                    "released",
                    "tokens",
                ),
                x,
            )
        ],
    },
    "runs/receipt": lambda x: {"figures": [(x, 3)]},
    "runs/request": lambda x: {
        "who": x,
        "note": x,
        "comments": [x],
        "decided": x,
        "resumes": x,
    },
    "runs/steps": lambda x: {
        "begin": x,
        "end": x,
        "rows": [
            {
                **dict.fromkeys(
                    (
                        "state",
                        "state_words",
                        "why",
                        "name",
                        "beat",
                        "address",
                        "began",
                        "ended",
                        "took",
                        "tries",
                    ),
                    x,
                ),
                "bars": [{"outcome": x, "left": 1.5, "width": 2.5}],
            }
        ],
    },
    "shell/door": lambda x: {"words": x, "failed": x},
    "shell/live": lambda x: {},
    "shell/pages": lambda x: {
        "name": x,
        "pages": [
            {"name": x, "address": x, "is_shown": True, "more": 0},
            {"name": x, "address": x, "is_shown": False, "more": 2},
        ],
    },
    "shell/scheme": lambda x: {"scheme": x},
    "studio/aloud": lambda x: {"words": x},
    "studio/act": lambda x: {"name": x},
    "studio/beat": lambda x: {
        "trouble": x,
        "texts": [(x, x, x)],
        "scenes": [x],
        "no_scenes": x,
    },
    "studio/chosen": lambda x: {"beat": x},
    "studio/curve": lambda x: {},
    "studio/elsewhere": lambda x: {"runs": [(x, x)], "name": x},
    "studio/found": lambda x: {
        "title": x,
        "help": x,
        "hits": [{"where": x, "what": x, "times": x, "address": x, "line": (x, x, x)}],
        "rest": x,
        "back": x,
    },
    "studio/loose": lambda x: {"scenes": [x]},
    "studio/marks": lambda x: {"new": x, "stale": x, "why": x, "byline": x},
    "studio/modes": lambda x: {
        "modes": [{"name": x, "address": x, "is_shown": True, "more": 14}],
        "name": x,
        "demo": x,
    },
    "studio/numbers": lambda x: {"changed": [(x, x)]},
    "studio/offer": lambda x: {
        "estimate": 45,
        "facts": [x],
        "counts": [("script", 2, 5)],
        "changes_title": x,
        "changes": x,
        "scenes": 2,
        "beats": [(x, [x]), (x, [])],
        "steps": [(x, x, 1)],
        "warning": x,
    },
    "studio/reading": lambda x: {"beat": Some(key=x, label=x), "words": x},
    "studio/reviewed": lambda x: {"key": x},
    "studio/runs": lambda x: {
        "runs": [
            {
                "address": x,
                "is_shown": True,
                "status": x,
                "what": x,
                "who": x,
                "when": x,
                "credits": x,
                "state": x,
            }
        ]
    },
    "studio/scene": lambda x: {
        "name": x,
        "number": 5,
        "marks": x,
        "trouble": x,
        "texts": [x],
        "shots": [x],
        "marks_of_shots": x,
    },
    "studio/scenes": lambda x: {
        "scenes": [{"address": x, "name": x, "is_shown": True, "is_new": True, "is_stale": True}],
        "name": x,
    },
    "studio/script": lambda x: {"marks": x, "page": x},
    "studio/state": lambda x: {
        "pending": x,
        "is_pending": True,
        "why_not": x,
        "remark": "",
        "title": x,
        "is_shown": True,
        "words": x,
        "numbers": x,
    },
    "studio/unreadable_script": lambda x: {"trouble": x},
}


class Read(HTMLParser):
    """The elements of some HTML with the names of their attributes, and its words."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, list[str]]] = []
        self.words: list[str] = []
        self.feed(str(markup))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, [name for name, _ in attrs]))
        self.words += [value or "" for _, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_put_into_a_template_is_never_markup(name: str) -> None:
    plain, nasty = (Read(render(name, **GIVEN[name](words))) for words in ("plain", NASTY))
    assert plain.elements == nasty.elements
    # Nothing is added to or lost of the words either; in a style there are no entities to read.
    if ("style", []) not in plain.elements:
        assert [words.replace("plain", NASTY) for words in plain.words] == nasty.words


def test_what_a_template_has_made_goes_in_as_it_is() -> None:
    note = render("kit/note", words=NASTY, tone="")
    assert isinstance(note, Markup)
    assert note in render("studio/unreadable_script", trouble=note)
    assert note not in render("studio/unreadable_script", trouble=str(note))
