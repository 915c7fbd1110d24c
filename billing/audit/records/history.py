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


def _deleted_without_history(books: Books) -> Iterator[Row]:
    """Yield deleted rows whose history doesn't end with a deletion."""
    for model, history, _ in tracked_models():
        key, table = model._meta.pk.column, model._meta.db_table
        statement = f"""
            SELECT h.pgh_obj_id AS id FROM {history._meta.db_table} h LEFT JOIN {table} t ON t."{key}" = h.pgh_obj_id
            WHERE t."{key}" IS NULL GROUP BY 1 HAVING (array_agg(h.pgh_label ORDER BY h.pgh_id DESC))[1] <> 'delete'
        """  # noqa: S608
        for row in select_rows(statement):
            yield {"table": table, **row}


# When a version was published: its last step out of draft or review.
_PUBLISHED = """
    SELECT v.pgh_obj_id AS version_id, max(v.pgh_created_at) AS at FROM (
        SELECT pgh_obj_id, pgh_created_at, state,
            lag(state, 1, 'draft') OVER (PARTITION BY pgh_obj_id ORDER BY pgh_id) AS before
        FROM plans_planversionevent
    ) v
    JOIN plans_planversion now ON now.id = v.pgh_obj_id AND now.state NOT IN ('draft', 'review')
    WHERE v.before IN ('draft', 'review') AND v.state NOT IN ('draft', 'review') GROUP BY 1
"""

_CHANGED_PRICES = f"""
    WITH published AS ({_PUBLISHED}),
    granted AS (SELECT DISTINCT pgh_obj_id AS id, version_id FROM plans_planfeatureevent),
    priced AS (SELECT DISTINCT e.pgh_obj_id AS id, g.version_id FROM plans_priceevent e
        JOIN granted g ON g.id = e.plan_feature_id),
    rated AS (SELECT DISTINCT e.pgh_obj_id AS id, p.version_id FROM plans_rateevent e
        JOIN priced p ON p.id = e.price_id),
    changes AS (
        SELECT 'plan feature' AS what, pgh_obj_id AS id, version_id, pgh_created_at AS at FROM plans_planfeatureevent
        UNION ALL SELECT 'fee', pgh_obj_id, version_id, pgh_created_at FROM plans_feeevent
        UNION ALL SELECT 'commitment', pgh_obj_id, version_id, pgh_created_at FROM plans_commitmentevent
        UNION ALL SELECT 'price', e.pgh_obj_id, g.version_id, e.pgh_created_at
            FROM plans_priceevent e JOIN granted g ON g.id = e.plan_feature_id
        UNION ALL SELECT 'rate', e.pgh_obj_id, p.version_id, e.pgh_created_at
            FROM plans_rateevent e JOIN priced p ON p.id = e.price_id
        UNION ALL SELECT 'tier', e.pgh_obj_id, r.version_id, e.pgh_created_at
            FROM plans_tierevent e JOIN rated r ON r.id = e.rate_id
    )
    SELECT c.what, c.id, c.version_id, c.at AS changed_at, p.at AS published_at
    FROM changes c JOIN published p USING (version_id) WHERE c.at > p.at
"""  # noqa: S608

_FREE = "ARRAY['pgh_id', 'pgh_created_at', 'pgh_label', 'pgh_context_id'"
_LIFE = "'state', 'effective_from', 'effective_to', 'published_at', 'published_by_id'"

_CHANGED_VERSIONS = f"""
    WITH steps AS (
        SELECT pgh_obj_id AS version_id, state, lag(state) OVER own AS before,
            to_jsonb(e) - {_FREE}, {_LIFE}] AS terms, lag(to_jsonb(e) - {_FREE}, {_LIFE}]) OVER own AS terms_before
        FROM plans_planversionevent e WINDOW own AS (PARTITION BY pgh_obj_id ORDER BY pgh_id)
    )
    SELECT version_id, before, state FROM steps
    WHERE before NOT IN ('draft', 'review') AND (terms <> terms_before
        OR (before, state) NOT IN (('scheduled', 'scheduled'), ('scheduled', 'draft'), ('scheduled', 'live'),
            ('live', 'live'), ('live', 'retired'), ('retired', 'retired')))
"""  # noqa: S608

_CHANGED_METERS = f"""
    WITH published AS ({_PUBLISHED}),
    priced AS (
        SELECT f.meter_id, min(p.at) AS at FROM published p
        JOIN plans_planfeature g USING (version_id) JOIN plans_feature f ON f.id = g.feature_id
        WHERE f.meter_id IS NOT NULL GROUP BY 1
    ),
    changes AS (
        SELECT pgh_obj_id AS meter_id, pgh_created_at AS at,
            to_jsonb(e) - {_FREE}, 'name', 'unit'] AS meaning,
            lag(to_jsonb(e) - {_FREE}, 'name', 'unit']) OVER (PARTITION BY pgh_obj_id ORDER BY pgh_id) AS before
        FROM plans_meterevent e
        UNION ALL SELECT meter_id, pgh_created_at, '0', NULL FROM plans_meterreadingevent
    )
    SELECT c.meter_id, c.at AS changed_at, p.at AS priced_since
    FROM changes c JOIN priced p USING (meter_id) WHERE c.at > p.at AND c.meaning IS DISTINCT FROM c.before
"""  # noqa: S608

CHECKS = (
    Check("every_row_is_what_its_history_last_said", "O3", _changed_without_history),
    Check("every_edited_row_has_a_history", "O3", _without_history),
    Check("every_row_that_was_not_deleted_is_there", "O3", _deleted_without_history),
    Check("published_prices_have_not_changed_since", "V1", _CHANGED_PRICES),
    Check("published_versions_only_move_along_their_life", "V1", _CHANGED_VERSIONS),
    Check("meters_in_use_have_kept_their_meaning", "V3", _CHANGED_METERS),
)
