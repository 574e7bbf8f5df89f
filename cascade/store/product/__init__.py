"""The guest's map of the host's tables: the one place that can tell one product from another.

What the database says of itself decides (`found`), then the names that its owner has said
(`names`); what is there is taken for what is `wanted` (`take`), and given to the rest of the store
as tables and columns by our names (`product`).
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.errors import BadProduct, SchemaGap
from cascade.store import address
from cascade.store.product import names
from cascade.store.product.found import Reflection
from cascade.store.product.product import Kept, Product
from cascade.store.product.take import Taken, Whole, take

__all__ = [
    "OPTION",
    "Kept",
    "Product",
    "Source",
    "Taken",
    "Whole",
    "product_of",
    "refuse_bad_names",
    "whole_of",
]

# Under which execution option of an engine its source is found.
OPTION = "cascade_product"


class Source:
    """Where the product's tables are looked up, once a process.

    A product does not change them while it runs; where it does, a restart finds it.
    """

    def __init__(self, file: Path | None = None, language: str = "en") -> None:
        self._file = file
        self._language = language
        self._product: Product | None = None

    def whole(self, connection: sa.Connection) -> Whole:
        """Everything that can be told of the tables that are there. Raises nothing of its own."""
        whole = take(Reflection(connection), names.read(self._file))
        if whole.fits:
            self._product = Product(whole, self._language)
        return whole

    def product(self, connection: sa.Connection) -> Product:
        """The tables, where they are whole. Raises BadProduct, SchemaGap."""
        if self._product is None:
            whole = self.whole(connection)
            refuse_bad_names(whole)
            if self._product is None:
                where = address.shown(connection.engine.url)
                raise SchemaGap(where, whole.gaps or ("it has no tables that hold stories",))
        return self._product


def _source_of(connection: sa.Connection) -> Source:
    source = connection.engine.get_execution_options().get(OPTION)
    return source if isinstance(source, Source) else Source()


def refuse_bad_names(whole: Whole) -> None:
    """Raises BadProduct where the file of names says what cannot be."""
    if whole.in_the_map:
        raise BadProduct(str(whole.names.file), whole.in_the_map)


def whole_of(connection: sa.Connection) -> Whole:
    """What a database has of a product's tables."""
    return _source_of(connection).whole(connection)


def product_of(session: Session) -> Product:
    """The product's tables in a session's database. Raises BadProduct, SchemaGap."""
    connection = session.connection()
    return _source_of(connection).product(connection)
