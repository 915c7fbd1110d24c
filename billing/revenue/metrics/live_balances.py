"""
The recurring revenue of every customer of a seller at several month ends, from subscriptions as their rows are now.

The statement works with runs of month ends in place of single months: a subscription that keeps its terms for years
is one row, so that the number of month ends hardly matters. Month ends are numbered from 1, and the state at one is
that just before it: a subscription that begins at midnight of the 1st belongs to the month that begins.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from billing.revenue.metrics.committed_minimums import PLACES, read_monthly_minimums
from customers.models import Seller
from plans.metrics.monthly_amounts import MONTHS, ROW_PLACES

ANY_CURRENCY = "%"
ALL_CUSTOMERS = (0, 2**62)

_LENGTHS = {unit: months for unit, months in MONTHS.items() if unit != "hour"}
_CASES = " ".join(
    f"WHEN '{unit}' THEN {{amount}} * {months.denominator} / ({{count}}::numeric * {months.numerator})"
    for unit, months in _LENGTHS.items()
)


def _monthly(amount: str, *, count: str) -> str:
    """Return SQL for an amount by the month, to 30 decimal places; count: intervals of version `v` that it is for."""
    return f"CASE v.interval_unit {_CASES.format(amount=f'({amount})::numeric(60, {PLACES})', count=count)} END"


# Number of month ends at or before a time: the state just before month end n is that of a time with a number below n.
_NUMBER = "width_bucket({}, %(ends)s::timestamptz[])"

# Periods state when a subscription runs, and on which version: a trial has periods of its own, a pause has none.
_RUNS = f"""
subscriptions AS MATERIALIZED (
    SELECT s.id, s.customer_id, s.currency
    FROM customers_customer c JOIN billing_subscription s ON s.customer_id = c.id
    WHERE s.seller_id = %(seller)s AND NOT c.sandbox AND s.currency LIKE %(currency)s
        AND c.id BETWEEN %(first_customer)s AND %(last_customer)s
),
spans AS MATERIALIZED (
    SELECT p.subscription_id, p.version_id, min(p.starts_at) AS starts_at, max(p.ends_at) AS ends_at
    FROM billing_period p JOIN subscriptions s ON s.id = p.subscription_id
    WHERE p.kind = 'regular' AND NOT p.is_trial
        AND p.starts_at < %(last_end)s AND p.ends_at >= %(first_end)s GROUP BY 1, 2
),
written_off AS MATERIALIZED (
    SELECT DISTINCT p.subscription_id, {_NUMBER.format("act.at")} AS since,
        coalesce({_NUMBER.format("following.issued_at")}, cardinality(%(ends)s::timestamptz[])) AS until
    FROM invoices_invoice i JOIN invoices_dunningact act ON act.invoice_id = i.id AND act.action = 'write_off'
    JOIN billing_period p ON p.invoice_id = i.id
    LEFT JOIN LATERAL (
        SELECT min(n.issued_at) AS issued_at FROM billing_period q JOIN invoices_invoice n ON n.id = q.invoice_id
        WHERE q.subscription_id = p.subscription_id AND n.issued_at > act.at
    ) following ON true
    WHERE i.state = 'uncollectible' AND i.seller_id = %(seller)s AND NOT i.sandbox
),
irregular AS MATERIALIZED (
    SELECT subscription_id FROM billing_pause WHERE state <> 'revoked'
    UNION SELECT subscription_id FROM billing_subscriptioncommitment
    UNION SELECT subscription_id FROM written_off
    UNION SELECT a.subscription_id FROM spans a JOIN spans b ON b.subscription_id = a.subscription_id
        AND b.version_id <> a.version_id AND b.starts_at < a.ends_at AND b.ends_at > a.starts_at
),
runs AS MATERIALIZED (
    SELECT s.customer_id, s.id AS subscription_id, s.currency, r.version_id, 0::bigint AS own_id,
        {_NUMBER.format("r.starts_at")} AS since, {_NUMBER.format("r.ends_at")} AS until
    FROM spans r JOIN subscriptions s ON s.id = r.subscription_id
    WHERE NOT EXISTS (SELECT FROM irregular i WHERE i.subscription_id = r.subscription_id)
    UNION ALL
    SELECT s.customer_id, s.id, s.currency, p.version_id, coalesce(own.id, 0), n - 1, n
    FROM subscriptions s JOIN billing_period p ON p.subscription_id = s.id AND p.kind = 'regular' AND NOT p.is_trial
    LEFT JOIN billing_subscriptioncommitment own ON own.subscription_id = s.id AND p.starts_at >= own.starts_at
        AND (own.ends_at IS NULL OR p.starts_at < own.ends_at),
    generate_series({_NUMBER.format("p.starts_at")} + 1, {_NUMBER.format("p.ends_at")}) n
    WHERE s.id IN (SELECT subscription_id FROM irregular) AND NOT EXISTS (SELECT FROM written_off w
        WHERE w.subscription_id = s.id AND n > w.since AND n <= w.until)
)
"""  # noqa: S608
"""
A subscription's periods on one version are one run, since periods leave no gap but for pauses.

Others are read month end by month end: after a pause; back on an earlier version, so that periods of another version
lie between; with commitments of their own, which apply to the periods that start while they are agreed; with an
uncollectible invoice, since nothing recurs from its write-off to the next one.
"""

# Quantities by the run of month ends at which they are held: from each change to the next one, and before the first
# change the fee's least quantity.
_QUANTITIES = f"""
changes AS (
    SELECT h.subscription_id, h.fee_code, h.quantity, {_NUMBER.format("h.since")} AS since,
        lead({_NUMBER.format("h.since")}, 1, cardinality(%(ends)s::timestamptz[]))
            OVER (PARTITION BY h.subscription_id, h.fee_code ORDER BY h.since, h.id) AS until
    FROM billing_subscriptionquantity h JOIN subscriptions s ON s.id = h.subscription_id
),
quantities AS (
    SELECT * FROM changes WHERE until > since
    UNION ALL SELECT subscription_id, fee_code, NULL, 0, min(since) FROM changes GROUP BY 1, 2
)
"""  # noqa: S608

# Prices that include tax count without the tax that the fee was last invoiced with.
_FEE_TAX = """CASE WHEN v.prices_include_tax THEN 1 + coalesce((
    SELECT l.tax_rate FROM billing_period q JOIN invoices_line l ON l.invoice_id = q.invoice_id AND l.fee_id = f.id
    WHERE q.subscription_id = r.subscription_id AND l.kind = 'fee' ORDER BY q.starts_at DESC LIMIT 1), 0) / 100
ELSE 1 END"""

_UNITS = "CASE f.basis WHEN 'fixed' THEN 1 ELSE greatest(coalesce(q.quantity, f.least) - f.included, 0) END"

_FEES = f"""
fees AS (
    SELECT r.customer_id, r.subscription_id, r.currency, r.version_id, f.code,
        greatest(r.since, coalesce(q.since, r.since)) AS since, least(r.until, coalesce(q.until, r.until)) AS until,
        {_monthly(f"f.amount * {_UNITS}", count=f"(v.interval_count * f.every * {_FEE_TAX})")} AS monthly
    FROM runs r JOIN plans_planversion v ON v.id = r.version_id AND r.until > r.since
    JOIN plans_fee f ON f.version_id = r.version_id AND f.currency = r.currency AND f.kind = 'base' AND f.amount > 0
    LEFT JOIN quantities q ON f.basis <> 'fixed' AND q.subscription_id = r.subscription_id AND q.fee_code = f.code
        AND q.since < r.until AND q.until > r.since
)
"""  # noqa: S608

# Coupons without an end, in their order of application among those of the customer and its subscriptions.
_COUPONS = f"""
coupons AS MATERIALIZED (
    SELECT *, row_number() OVER (PARTITION BY customer_id ORDER BY position, id) AS place FROM (
        SELECT o.id, o.position, c.id AS customer_id, o.subscription_id, k.percent, k.amount, k.currency,
            k.features, k.fees, k.plans, k.period_months, {_NUMBER.format("o.since")} AS since,
            coalesce({_NUMBER.format("o.ended_at")}, cardinality(%(ends)s::timestamptz[])) AS until
        FROM billing_redemption o JOIN plans_coupon k ON k.id = o.coupon_id AND k.duration = 'forever'
        LEFT JOIN billing_subscription s ON s.id = o.subscription_id
        JOIN customers_customer c ON c.id = coalesce(o.customer_id, s.customer_id)
        WHERE (o.subscription_id IS NULL OR s.seller_id = %(seller)s) AND NOT c.sandbox
            AND c.id BETWEEN %(first_customer)s AND %(last_customer)s
            AND (cardinality(k.features) = 0 OR cardinality(k.fees) > 0)
    ) held WHERE until > since
)
"""  # noqa: S608

# Only customers with such coupons are expanded to single month ends. Each step of the recursion applies the next
# coupon of every customer: its share of what the earlier ones left, or its amount in proportion.
_DISCOUNTS = f"""
discounts(customer_id, subscription_id, currency, version_id, code, n, place, monthly, rest) AS (
    SELECT f.customer_id, f.subscription_id, f.currency, f.version_id, f.code, n, 0::bigint, f.monthly, f.monthly
    FROM fees f, generate_series(f.since + 1, f.until) n WHERE f.customer_id IN (SELECT customer_id FROM coupons)
    UNION ALL
    SELECT customer_id, subscription_id, currency, version_id, code, n, place, monthly,
        CASE WHEN NOT applies OR base = 0 THEN rest
            WHEN percent IS NOT NULL THEN rest * (100 - percent) / 100
            ELSE rest * (base - least(amount_by_month, base)) / base END
    FROM (
        SELECT t.*, sum(CASE WHEN t.applies THEN t.rest ELSE 0 END) OVER (PARTITION BY t.customer_id, t.currency, t.n)
                AS base
        FROM (
            SELECT d.customer_id, d.subscription_id, d.currency, d.version_id, d.code, d.n, k.place, d.monthly,
                d.rest, k.percent,
                CASE WHEN k.subscription_id IS NULL
                    THEN k.amount::numeric(60, {PLACES}) / k.period_months
                    ELSE {_monthly("k.amount", count="v.interval_count")} END AS amount_by_month,
                d.n > k.since AND d.n <= k.until AND k.currency IN ('', d.currency)
                    AND coalesce(k.subscription_id = d.subscription_id, true)
                    AND (cardinality(k.fees) = 0 OR d.code = ANY(k.fees))
                    AND (cardinality(k.plans) = 0 OR p.code = ANY(k.plans)) AS applies
            FROM discounts d JOIN coupons k ON k.customer_id = d.customer_id AND k.place = d.place + 1
            JOIN plans_planversion v ON v.id = d.version_id JOIN plans_plan p ON p.id = v.plan_id
        ) t
    ) u
)
"""  # noqa: S608

_AMOUNTS = """
amounts(customer_id, currency, since, until, net, gross, commitment) AS (
    SELECT customer_id, currency, since, until, monthly, monthly, 0 FROM fees
    WHERE NOT EXISTS (SELECT FROM coupons k WHERE k.customer_id = fees.customer_id)
    UNION ALL
    SELECT customer_id, currency, n - 1, n, rest, monthly, 0
    FROM discounts
    JOIN (SELECT customer_id, max(place) AS place FROM coupons GROUP BY 1) last USING (customer_id, place)
    UNION ALL
    SELECT r.customer_id, r.currency, r.since, r.until, m.amount, m.amount, m.amount
    FROM runs r
    JOIN unnest(%(versions)s::bigint[], %(owns)s::bigint[], %(currencies)s::text[], %(minimums)s::numeric[])
        AS m(version_id, own_id, currency, amount) USING (version_id, own_id, currency)
    WHERE r.until > r.since
)
"""

LIVE_BALANCES = f"""
WITH RECURSIVE {_RUNS}, {_QUANTITIES}, {_FEES}, {_COUPONS}, {_DISCOUNTS}, {_AMOUNTS}
SELECT customer_id, currency, n AS first,
    lead(n, 1, cardinality(%(ends)s::timestamptz[]) + 1) OVER months - 1 AS last,
    round(sum(net) OVER months, {ROW_PLACES}) AS net, round(sum(gross) OVER months, {ROW_PLACES}) AS gross,
    round(sum(commitment) OVER months, {ROW_PLACES}) AS commitment
FROM (
    SELECT a.customer_id, a.currency, edge.n, sum(edge.sign * a.net) AS net, sum(edge.sign * a.gross) AS gross,
        sum(edge.sign * a.commitment) AS commitment
    FROM amounts a, LATERAL (VALUES (a.since + 1, 1), (a.until + 1, -1)) AS edge(n, sign)
    WHERE edge.n <= cardinality(%(ends)s::timestamptz[]) GROUP BY 1, 2, 3
) edges
WINDOW months AS (PARTITION BY customer_id, currency ORDER BY n)
"""  # noqa: S608
"""
Month ends `first` to `last`, with a customer's recurring revenue at each of them in one currency.

`net` after and `gross` before discounts without an end, both with `commitment`, which is guaranteed spend. A customer
without recurring revenue has no rows before its first, and rows of zeros after it.
"""

SUBSCRIPTION_VALUES = f"""
WITH RECURSIVE {_RUNS}, {_QUANTITIES}, {_FEES}, {_COUPONS}, {_DISCOUNTS}
SELECT subscription_id, round(sum(net), {ROW_PLACES}) FROM (
    SELECT subscription_id, monthly AS net FROM fees
    WHERE until > since AND NOT EXISTS (SELECT FROM coupons k WHERE k.customer_id = fees.customer_id)
    UNION ALL
    SELECT subscription_id, rest FROM discounts
    JOIN (SELECT customer_id, max(place) AS place FROM coupons GROUP BY 1) last USING (customer_id, place)
    UNION ALL
    SELECT r.subscription_id, m.amount FROM runs r
    JOIN unnest(%(versions)s::bigint[], %(owns)s::bigint[], %(currencies)s::text[], %(minimums)s::numeric[])
        AS m(version_id, own_id, currency, amount) USING (version_id, own_id, currency)
    WHERE r.until > r.since
) amounts GROUP BY 1
"""  # noqa: S608
"""
The recurring revenue of each subscription at a single month end, net of discounts without an end.

A customer's subscriptions add up to its balance. Subscriptions without recurring revenue have no row.
"""


def live_parameters(
    seller: Seller,
    month_ends: Sequence[datetime],
    *,
    currency: str = ANY_CURRENCY,
    customers: tuple[int, int] = ALL_CUSTOMERS,
) -> dict[str, Any]:
    """
    Return the parameters of `LIVE_BALANCES` and `SUBSCRIPTION_VALUES`.

    month_ends: in order of time. customers: the first and last id of the customers to read.
    """
    minimums = read_monthly_minimums(seller)
    first, last = customers
    return {
        "seller": seller.pk,
        "currency": currency,
        "ends": list(month_ends),
        "first_end": min(month_ends, default=None),
        "last_end": max(month_ends, default=None),
        "first_customer": first,
        "last_customer": last,
        "versions": [minimum.version_id for minimum in minimums],
        "owns": [minimum.own_id for minimum in minimums],
        "currencies": [minimum.currency for minimum in minimums],
        "minimums": [minimum.amount for minimum in minimums],
    }
