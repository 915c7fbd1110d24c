"""Usage by the million, written directly into the tables as ingest would have stored it."""

from datetime import datetime, timedelta

import msgspec
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from benchmarks import sample_books
from billing.metering.ingest import event_recorder, parser

HEAVY = "c0"
"""The customer with a twentieth of all events."""

_EVENTS = """
INSERT INTO billing_event (key, digest, occurred_at, received_at, sandbox, customer_id, customer_ref, name, source,
    sender_id, subscription_ref, properties)
SELECT md5('key' || n)::uuid, md5('digest' || n)::uuid, at, at, false, c.id, c.external_id, %(name)s, '',
    'e' || n, '',
    jsonb_build_object('model', (%(models)s::text[])[1 + n %% 4], 'region', (%(regions)s::text[])[1 + n %% 3],
        'prompt_tokens', n %% 6000, 'completion_tokens', n %% 600, 'seconds', (n %% 9000) / 1000.0)
FROM generate_series(%(first)s, %(last)s) n
CROSS JOIN LATERAL (SELECT %(start)s::timestamptz + (n * 7919::bigint %% 1296000) * interval '1 second' AS at) t
JOIN customers_customer c ON c.external_id = 'c' || CASE WHEN n %% 20 = 0 THEN 0 ELSE n %% %(customers)s END
"""

# One value per event and meter, as the benchmarks' catalog reads them.
_VALUES = """
CREATE TEMPORARY TABLE metered AS
SELECT p.id AS period, p.starts_at AS start, m.id AS meter, pf.id AS granted, r.id AS rate, v.labels,
    date_trunc('hour', e.occurred_at) AS bucket, count(*) AS events, sum(v.quantity) AS quantity,
    sum(('x' || right(e.digest::text, 12))::bit(48)::bigint) AS fingerprint
FROM billing_event e
JOIN billing_subscription s ON s.customer_id = e.customer_id
JOIN billing_period p ON p.subscription_id = s.id
CROSS JOIN LATERAL (VALUES
    ('tokens', jsonb_build_object('direction', 'input', 'model', properties ->> 'model'),
        (properties ->> 'prompt_tokens')::numeric),
    ('tokens', jsonb_build_object('direction', 'output', 'model', properties ->> 'model'),
        (properties ->> 'completion_tokens')::numeric),
    ('requests', jsonb_build_object('model', properties ->> 'model'), 1),
    ('compute', jsonb_build_object('region', properties ->> 'region'), (properties ->> 'seconds')::numeric)
) AS v(meter, labels, quantity)
JOIN plans_meter m ON m.code = v.meter
JOIN plans_feature f ON f.meter_id = m.id
JOIN plans_planfeature pf ON pf.feature_id = f.id AND pf.version_id = p.version_id
JOIN plans_price pr ON pr.plan_feature_id = pf.id
JOIN plans_rate r ON r.price_id = pr.id AND v.labels @> r.match
GROUP BY 1, 2, 3, 4, 5, 6, 7
"""
_COUNTERS = """
INSERT INTO billing_counter (period_id, plan_feature_id, rate_id, window_start, events, quantity, fingerprint)
SELECT period, granted, rate, start, sum(events), sum(quantity), sum(fingerprint) FROM metered GROUP BY 1, 2, 3, 4
"""
_SERIES = """
INSERT INTO billing_series (period_id, meter_id, dimensions) SELECT DISTINCT period, meter, labels FROM metered
"""
_HOURS = """
INSERT INTO billing_hourlyusage (series_id, bucket, events, quantity)
SELECT s.id, m.bucket, m.events, m.quantity FROM metered m
JOIN billing_series s ON (s.period_id, s.meter_id, s.dimensions) = (m.period, m.meter, m.labels)
"""


def store(*, events: int, customers: int, starts_at: datetime) -> None:
    """Store `events` events in the first 15 days after `starts_at`, with the sums that ingest would have stored."""
    with connection.cursor() as cursor:
        for first in range(0, events, 500_000):
            cursor.execute(
                _EVENTS,
                {
                    "first": first,
                    "last": min(first + 500_000, events) - 1,
                    "start": starts_at,
                    "customers": customers,
                    "name": sample_books.EVENT,
                    "models": list(sample_books.MODELS),
                    "regions": list(sample_books.REGIONS),
                },
            )
        _trust_hours(cursor)
        for statement in (_VALUES, _COUNTERS, _SERIES, _HOURS, "DROP TABLE metered"):
            cursor.execute(statement)
    _store_levels(customers, starts_at)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _store_levels(customers: int, starts_at: datetime) -> None:
    """Let each customer's stored gigabytes change three times, through ingest itself."""
    at = timezone.now()
    events = [
        {
            "id": f"gb-{customer}-{day}",
            "customer": f"c{customer}",
            "event": sample_books.STORED,
            "timestamp": starts_at + timedelta(days=day),
            "properties": {"gigabytes": 10 * day},
        }
        for day in (1, 5, 9)
        for customer in range(customers)
    ]
    for first in range(0, len(events), 1_000):
        body = msgspec.json.encode(events[first : first + 1_000])
        parsed_events, _, _ = parser.parse_events(body, sandbox=False, at=at, oldest=starts_at, newest=at)
        event_recorder.record_events(events=parsed_events, sandbox=False, at=at)


def _trust_hours(cursor: CursorWrapper) -> None:
    """
    Drop the scratch database's foreign key of hourly usage: checking millions of rows takes longer than storing them.
    """
    cursor.execute(
        "SELECT conname FROM pg_constraint WHERE conrelid = 'billing_hourlyusage'::regclass AND contype = 'f'"
    )
    for (name,) in cursor.fetchall():
        cursor.execute(f'ALTER TABLE billing_hourlyusage DROP CONSTRAINT "{name}"')


def store_days(*, first_period: int, last_period: int, days: int) -> None:
    """
    Give each of these periods usage of four meters on each of its first days: the input of a close and of the GROUP
    BY.
    """
    with connection.cursor() as cursor:
        _trust_hours(cursor)
        cursor.execute(_DAY_COUNTERS, {"first": first_period, "last": last_period, "days": days})
        cursor.execute(_DAY_SERIES, {"first": first_period, "last": last_period})
        cursor.execute(_DAY_TALLIES, {"first": first_period, "last": last_period, "days": days})
        cursor.execute(_DAYS, {"first": first_period, "last": last_period, "days": days})


_PRICED = """
FROM billing_period p
JOIN plans_planfeature pf ON pf.version_id = p.version_id
JOIN plans_feature f ON f.id = pf.feature_id
JOIN plans_price pr ON pr.plan_feature_id = pf.id
JOIN LATERAL (SELECT id FROM plans_rate WHERE price_id = pr.id ORDER BY position LIMIT 1) r ON true
WHERE p.id BETWEEN %(first)s AND %(last)s
"""
_DAY_COUNTERS = f"""
INSERT INTO billing_counter (period_id, plan_feature_id, rate_id, window_start, events, quantity, fingerprint)
SELECT p.id, pf.id, r.id, p.starts_at, %(days)s * 10, %(days)s * (1000 + p.id %% 977), p.id {_PRICED}
"""
_DAY_SERIES = f"""
INSERT INTO billing_series (period_id, meter_id, dimensions) SELECT p.id, f.meter_id, '{{}}' {_PRICED}
"""
_DAY_TALLIES = """
INSERT INTO billing_aggregatestate (series_id, span, starts_at, events, total, low, high, latest_at, latest_source,
    latest_key,
    latest_value, first_at, moment, members)
SELECT s.id, '', p.starts_at, %(days)s * 10, v.total, 1, 1, v.at, '', 'e', 1, v.at, v.total * 86400 * 1000000, 0
FROM billing_series s
JOIN plans_meter m ON m.id = s.meter_id AND m.aggregation = 'weighted_sum'
JOIN billing_period p ON p.id = s.period_id
CROSS JOIN LATERAL (SELECT %(days)s * (1000 + p.id %% 977) AS total, p.starts_at + interval '1 day' AS at) v
WHERE p.id BETWEEN %(first)s AND %(last)s
"""
_DAYS = """
INSERT INTO billing_hourlyusage (series_id, bucket, events, quantity)
SELECT s.id, p.starts_at + n * interval '1 day', 10, 1000 + p.id %% 977
FROM billing_period p JOIN billing_series s ON s.period_id = p.id
CROSS JOIN generate_series(0, %(days)s - 1) n
WHERE p.id BETWEEN %(first)s AND %(last)s
"""
