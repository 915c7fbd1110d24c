"""Check the columns of every table of the project."""

from collections.abc import Iterable

from billing.audit.check import Check, Row, select_rows
from billing.audit.records.schema_checks import our_models
from billing.audit.shared_reads import Books


def _floats(books: Books) -> Iterable[Row]:
    tables = ", ".join(f"'{model._meta.db_table}'" for model in our_models())
    return select_rows(f"""
        SELECT table_name, column_name, data_type FROM information_schema.columns
        WHERE table_name IN ({tables}) AND data_type IN ('real', 'double precision')
    """)  # noqa: S608


CHECKS = (Check("no_column_is_a_float", "L7", _floats),)
