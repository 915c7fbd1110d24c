"""Check the history of edited rows: a row must equal the last state that its history recorded."""

from collections.abc import Iterator

from django.db.models import Model

from billing.audit.check import Check, Row, select_rows
from billing.audit.records.schema_checks import our_models
from billing.audit.shared_reads import Books

_OWN = ("pgh_id", "pgh_created_at", "pgh_label", "pgh_context_id", "pgh_obj_id")


def tracked_models() -> list[tuple[type[Model], type[Model], list[str]]]:
    """Return (model, its history model, the columns of both) for every model with a history."""
    tracked: list[tuple[type[Model], type[Model], list[str]]] = []
    for history in our_models():
        model = getattr(history, "pgh_tracked_model", None)
        if model is not None:
            columns = [str(field.column) for field in history._meta.local_concrete_fields]
            columns = [column for column in columns if column not in _OWN]
            tracked.append((model, history, columns))
    return tracked


def _changed_without_history(books: Books) -> Iterator[Row]:
    """Yield rows that differ from their last history entry: changed with triggers off, or with an edited history."""
    for model, history, columns in tracked_models():
        key = model._meta.pk.column
        current_columns = ", ".join(f't."{column}"' for column in columns)
        history_columns = ", ".join(f'h."{column}"' for column in columns)
        statement = f"""
            SELECT t."{key}" AS id FROM {model._meta.db_table} t
            JOIN LATERAL (
                SELECT * FROM {history._meta.db_table} h WHERE h.pgh_obj_id = t."{key}" ORDER BY h.pgh_id DESC LIMIT 1
            ) h ON true
            WHERE ROW({current_columns})::text IS DISTINCT FROM ROW({history_columns})::text
        """  # noqa: S608
        for row in select_rows(statement):
            yield {"table": model._meta.db_table, **row}


def _without_history(books: Books) -> Iterator[Row]:
    for model, history, _ in tracked_models():
        key, table = model._meta.pk.column, model._meta.db_table
        # Invoices are inserted as issued by COPY, which skips the history; it starts with their next change of state.
        has_changed = "t.state NOT IN ('draft', 'issued')" if table == "invoices_invoice" else "true"
        statement = f"""
            SELECT t."{key}" AS id FROM {table} t WHERE {has_changed} AND NOT EXISTS
            (SELECT FROM {history._meta.db_table} h WHERE h.pgh_obj_id = t."{key}")
        """  # noqa: S608
        for row in select_rows(statement):
            yield {"table": table, **row}


# Rows that may be deleted without a trace, by their last version: discarding a draft leaves no number out.
DISCARDED = {"invoices_invoice": "state = 'draft'"}


def _deleted_without_history(books: Books) -> Iterator[Row]:
    """Yield deleted rows whose history doesn't end with a deletion."""
    for model, history, _ in tracked_models():
        key, table = model._meta.pk.column, model._meta.db_table
        ended = (
            f"(h.pgh_label = 'delete' OR h.{DISCARDED[table]})" if table in DISCARDED else "h.pgh_label = 'delete'"
        )
        statement = f"""
            SELECT h.pgh_obj_id AS id FROM {history._meta.db_table} h LEFT JOIN {table} t ON t."{key}" = h.pgh_obj_id
            WHERE t."{key}" IS NULL GROUP BY 1 HAVING NOT (array_agg({ended} ORDER BY h.pgh_id DESC))[1]
        """  # noqa: S608
        for row in select_rows(statement):
            yield {"table": table, **row}


CHECKS = (
    Check("rows_match_the_end_of_their_history", "O3", _changed_without_history),
    Check("edited_rows_have_a_history", "O3", _without_history),
    Check("rows_not_deleted_still_exist", "O3", _deleted_without_history),
)
