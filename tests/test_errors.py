"""The tree of errors, as it is drawn and as it is."""

from __future__ import annotations

from collections.abc import Iterator

from cascade import errors
from cascade.errors import CascadeError
from cascade.exits import exit_code


def tree(root: type[CascadeError], depth: int = 1) -> Iterator[str]:
    yield "    " + "  " * (depth - 1) + root.__name__
    for one in vars(errors).values():
        if isinstance(one, type) and one.__base__ is root:
            yield from tree(one, depth + 1)


def test_the_drawn_tree_is_the_real_one() -> None:
    drawn = [line for line in str(errors.__doc__).splitlines() if line.startswith("    ")]
    assert sorted(drawn) == sorted(tree(CascadeError))
    # Below whom a name stands is told by the line above it that is less far in.
    for at, line in enumerate(drawn[1:], 1):
        depth = len(line) - len(line.lstrip())
        above = next(one for one in reversed(drawn[:at]) if len(one) - len(one.lstrip()) < depth)
        assert getattr(errors, line.strip()).__base__.__name__ == above.strip()


def test_every_family_has_its_exit_code() -> None:
    assert exit_code(errors.UnknownRun("r1")) == 2
    assert exit_code(errors.NothingChanged()) == 5
    assert exit_code(errors.DatabaseAway("sqlite:///x.db", "it is locked")) == 4
    assert exit_code(errors.Unexpected(ValueError("x"))) == 4
