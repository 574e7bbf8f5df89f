"""HTML of the page, made of the templates in `ui/templates` and of nothing else.

What a template is given is words: they are made fit to be shown and escaped where they stand. Only
what another template has made goes in as it is. How a template is broken into lines is for those
who read it: lines are joined, without their indentation, and no blank comes between two elements.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from cascade.display import readable
from cascade.ui.kit.texts import count, text

TEMPLATES = Path(__file__).parents[1] / "templates"
_ENDING = ".html.j2"


def render(name: str, /, **values: object) -> Markup:
    """The HTML of one template: `render("kit/note", words=words, tone="")`."""
    return Markup(_environment().get_template(name).render(values))  # noqa: S704 - escaped by Jinja


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_source),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
    )
    environment.globals.update(text=text, count=count)
    return environment


def _source(name: str) -> str:
    lines = (TEMPLATES / f"{name}{_ENDING}").read_text(encoding="utf-8").splitlines()
    return "".join(line.strip() for line in lines)


def _shown(value: object) -> object:
    return readable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
