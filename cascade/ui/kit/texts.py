"""Every text of the interface, by its key, in the reader's language.

The catalogues are gettext's own files, `locale/LANGUAGE/LC_MESSAGES/cascade.po`, read as they
are: nothing has to be compiled and kept in step. Places in braces are filled in by name; numbers in
them are set as the language sets them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from functools import cache
from gettext import GNUTranslations
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.core import Locale
from babel.dates import format_date, format_skeleton, get_datetime_format
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal

from cascade.ui.kit.language import Language, language

DOMAIN = "cascade"
LOCALES = Path(__file__).parents[2] / "locale"


@cache
def catalogue(of: Language) -> GNUTranslations:
    """The texts of one language."""
    with (LOCALES / of / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as file:
        texts = read_po(file, locale=of)
    compiled = BytesIO()
    write_mo(compiled, texts)
    compiled.seek(0)
    return GNUTranslations(compiled)


def text(key: str, **values: object) -> str:
    """The text of a key, with its places filled in. Raises KeyError where there is none."""
    found = catalogue(language()).gettext(key)
    if found == key:
        raise KeyError(key)
    return _filled(found, values)


def count(key: str, n: int, **values: object) -> str:
    """The text of a key that depends on a number. Raises KeyError where there is none."""
    found = catalogue(language()).ngettext(key, key, n)
    if found == key:
        raise KeyError(key)
    return _filled(found, {"n": n, **values})


def _filled(words: str, values: Mapping[str, object]) -> str:
    return words.format(**{name: _set(value) for name, value in values.items()})


def _set(value: object) -> object:
    return (
        number(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    )


def number(value: float) -> str:
    """A number with its thousands set apart: `1,234` or `1.234`."""
    return str(format_decimal(value, locale=language()))


def money(amount: float, currency: str) -> str:
    """An amount of money; of less than one with four decimals, since calls cost that little."""
    decimals = "0.0000" if amount < 1 else "#,##0.00"
    return str(format_currency(amount, currency, f"¤{decimals}", language(), currency_digits=False))


def moment(when: datetime, zone: tzinfo, now: datetime | None = None) -> str:
    """An hour and minute in a time zone, with its date where that is not today's: `22:37`."""
    there, today = when.astimezone(zone), (now or datetime.now(UTC)).astimezone(zone)
    hour = format_skeleton("Hm", there, locale=language())
    if there.date() == today.date():
        return str(hour)
    day = format_date(there, "medium", locale=language())
    together: Any = get_datetime_format("medium", locale=language())
    return str(together).format(hour, day)


def second(when: datetime, zone: tzinfo) -> str:
    """An hour, minute and second in a time zone: `22:37:04`."""
    return str(format_skeleton("Hms", when.astimezone(zone), locale=language()))


def listing(words: Iterable[str]) -> str:
    """Several things in a row: `the plot, the script and two levels`."""
    return str(format_list(list(words), locale=Locale.parse(language())))


def duration(seconds: float) -> str:
    """A rough duration in words: nobody plans by the second."""
    if seconds < 90:
        return count("duration.seconds", max(1, round(seconds)))
    return count("duration.minutes", round(seconds / 60))


def clock(seconds: float) -> str:
    """A time that is being watched: `0:07`, `12:40`, `1:02:09`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
