"""
The usage behind an invoice, for its appendix: per meter by day or month, and by each dimension.

Read from the rollups of the invoice's own periods. They go on counting what comes late, so each meter also says how
much of its total is not on the invoice; the file is made once, within a minute of issue as a rule, and then stays.
Meters whose quantity is more than a sum are left out: hours of them do not add up to what their line says.
"""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from invoices.models import Invoice
from invoices.rendering.usage_facts import DimensionUsage, MeterUsage

MOST_DAYS = timedelta(days=62)
MOST_VALUES = 12

_METERS = """
WITH used AS (
    SELECT p.id AS period_id, r.meter_id, sum(r.quantity) AS quantity
    FROM billing_period p JOIN billing_rollup r ON r.period_id = p.id
    WHERE p.invoice_id = %(invoice)s GROUP BY 1, 2
), billed AS (
    -- A meter that several features price is counted by each of them: what one has billed is what the meter has.
    SELECT period_id, meter_id, max(quantity) AS quantity FROM (
        SELECT b.period_id, f.meter_id, b.plan_feature_id, sum(b.quantity) AS quantity
        FROM invoices_line l
        JOIN billing_billedusage b ON b.line_id = l.id
        JOIN plans_planfeature pf ON pf.id = b.plan_feature_id
        JOIN plans_feature f ON f.id = pf.feature_id
        WHERE l.invoice_id = %(invoice)s GROUP BY 1, 2, 3
    ) by_feature GROUP BY 1, 2
)
SELECT m.id, m.name, m.unit, sum(u.quantity), sum(u.quantity - coalesce(b.quantity, 0))
FROM used u JOIN plans_meter m ON m.id = u.meter_id AND m.aggregation IN ('count', 'sum') AND NOT m.recurring
LEFT JOIN billed b ON b.period_id = u.period_id AND b.meter_id = u.meter_id
GROUP BY 1, 2, 3 ORDER BY 1
"""

_STEPS = """
SELECT r.meter_id, (date_trunc(%(step)s, r.bucket, %(zone)s) AT TIME ZONE %(zone)s)::date, sum(r.quantity)
FROM billing_period p JOIN billing_rollup r ON r.period_id = p.id
WHERE p.invoice_id = %(invoice)s GROUP BY 1, 2 ORDER BY 1, 2
"""

_DIMENSIONS = """
WITH named AS (
    SELECT r.meter_id, d.place, d.name, r.dimensions ->> d.name AS value, sum(r.quantity) AS quantity
    FROM billing_period p
    JOIN billing_rollup r ON r.period_id = p.id
    JOIN plans_meter m ON m.id = r.meter_id
    CROSS JOIN LATERAL unnest(m.dimensions || nullif(m.reading_dimension, '')::varchar) WITH ORDINALITY d(name, place)
    WHERE p.invoice_id = %(invoice)s AND d.name IS NOT NULL GROUP BY 1, 2, 3, 4
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY meter_id, place ORDER BY quantity DESC, value) <= %(most)s AS is_shown
    FROM named
)
SELECT meter_id, name, is_shown, CASE WHEN is_shown THEN value END, count(*), sum(quantity)
FROM ranked GROUP BY meter_id, place, name, is_shown, CASE WHEN is_shown THEN value END
ORDER BY meter_id, place, is_shown DESC, sum(quantity) DESC, 4
"""


def usage_of_invoice(*, invoice: Invoice) -> tuple[MeterUsage, ...]:
    """Return what each meter counted in the invoice's periods, in three statements; in one where nothing was used."""
    parameters = {
        "invoice": invoice.pk,
        "zone": invoice.buyer_facts.get("time_zone") or "UTC",
        "step": _step(invoice.period_start, invoice.period_end),
        "most": MOST_VALUES,
    }
    meters = _rows(_METERS, parameters)
    if not meters:
        return ()
    steps: dict[int, list[tuple[date, Decimal]]] = {}
    for meter_id, day, quantity in _rows(_STEPS, parameters):
        steps.setdefault(meter_id, []).append((day, quantity))
    dimensions = _dimensions(_rows(_DIMENSIONS, parameters))
    return tuple(
        MeterUsage(
            name=name,
            unit=unit,
            total=total,
            step=parameters["step"],
            steps=tuple(steps[meter_id]),
            dimensions=tuple(dimensions.get(meter_id, {}).values()),
            unmatched=unmatched,
        )
        for meter_id, name, unit, total, unmatched in meters
    )


def _step(start: datetime, end: datetime) -> str:
    return "day" if end - start <= MOST_DAYS else "month"


def _rows(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def _dimensions(rows: list[tuple[Any, ...]]) -> dict[int, dict[str, DimensionUsage]]:
    """Return meter → dimension → usage from rows of values by quantity, the sum of the others last."""
    found: dict[int, dict[str, DimensionUsage]] = {}
    for meter_id, name, is_shown, value, count, quantity in rows:
        of_meter = found.setdefault(meter_id, {})
        known = of_meter.get(name, DimensionUsage(name, ()))
        if is_shown:
            of_meter[name] = DimensionUsage(name, (*known.values, (value, quantity)))
        else:
            of_meter[name] = DimensionUsage(name, known.values, count, quantity)
    return found
