"""
The usage appendix of an invoice: usage per meter by day or month, and by each dimension.

It is read from the rollups of the invoice's own periods. Rollups include late usage, so each meter also shows how
much of its total is not on the invoice; the file is usually rendered once, within a minute of issue, and then stays.
Meters whose quantity is more than a sum are left out: their hours don't add up to the quantity of their line.
"""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from invoices.models import Invoice
from invoices.rendering.usage_facts import DimensionUsage, MeterUsage
from lib import sql

# Up to two months are charted by day, longer spans by month. More values of a dimension are summed as the rest.
MAX_DAYS = timedelta(days=62)
MAX_VALUES = 12

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

# One pass over the rollups ranks the values of every dimension; all but the largest are summed into one row.
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


def read_invoice_usage(*, invoice: Invoice) -> tuple[MeterUsage, ...]:
    """Return the usage of each meter in the invoice's periods, in three statements; in one if there was no usage."""
    step = _step(invoice.period_start, invoice.period_end)
    parameters = {
        "invoice": invoice.pk,
        "zone": invoice.buyer_facts.get("time_zone") or "UTC",
        "step": step,
        "most": MAX_VALUES,
    }
    meters = sql.fetch_rows(_METERS, parameters)
    if not meters:
        return ()
    steps: dict[int, list[tuple[date, Decimal]]] = {}
    for meter_id, day, quantity in sql.fetch_rows(_STEPS, parameters):
        steps.setdefault(meter_id, []).append((day, quantity))
    dimensions = _group_dimensions(sql.fetch_rows(_DIMENSIONS, parameters))
    return tuple(
        MeterUsage(
            name=name,
            unit=unit,
            total=total,
            step=step,
            steps=tuple(steps[meter_id]),
            dimensions=tuple(dimensions.get(meter_id, {}).values()),
            unmatched=unmatched,
        )
        for meter_id, name, unit, total, unmatched in meters
    )


def _step(start: datetime, end: datetime) -> Literal["day", "month"]:
    return "day" if end - start <= MAX_DAYS else "month"


def _group_dimensions(rows: list[tuple[Any, ...]]) -> dict[int, dict[str, DimensionUsage]]:
    """Return meter → dimension → usage from rows of values by quantity, the sum of the other values last."""
    by_meter: dict[int, dict[str, DimensionUsage]] = {}
    for meter_id, name, is_shown, value, count, quantity in rows:
        by_dimension = by_meter.setdefault(meter_id, {})
        usage = by_dimension.get(name, DimensionUsage(name, ()))
        if is_shown:
            by_dimension[name] = DimensionUsage(name, (*usage.values, (value, quantity)))
        else:
            by_dimension[name] = DimensionUsage(name, usage.values, count, quantity)
    return by_meter
