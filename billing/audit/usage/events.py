"""Check events, reports of unmatched usage, and the sums that are stored next to them."""

from collections.abc import Callable, Iterable

from billing.audit.check import Check, Row
from billing.audit.shared_reads import Books


def _recount_rows(field_name: str) -> Callable[[Books], Iterable[Row]]:
    return lambda books: getattr(books.recount, field_name)


# Events, corrections and reprocessed usage draw from one sequence; a repeat would put two of them at one place.
_SEQUENCES = """
    WITH given AS (
        SELECT sequence FROM billing_event UNION ALL SELECT sequence FROM billing_correction
        UNION ALL SELECT resolved_sequence FROM billing_unmatchedusage WHERE resolved_sequence IS NOT NULL
    )
    SELECT sequence, count(*) AS times FROM given GROUP BY 1 HAVING count(*) > 1
    UNION ALL SELECT max(sequence), 0 FROM given
    HAVING max(sequence) > (SELECT last_value FROM billing_event_sequence)
    UNION ALL SELECT max(high_water_mark), 0 FROM billing_billedusage
    HAVING max(high_water_mark) > (SELECT last_value FROM billing_event_sequence)
"""

# The distinct customers first: there are few of them, and a great many events.
_CUSTOMERS = """
    SELECT e.customer_id, e.customer_ref, e.sandbox
    FROM (SELECT DISTINCT customer_id, customer_ref, sandbox FROM billing_event WHERE customer_id IS NOT NULL) e
    LEFT JOIN customers_customer c ON c.id = e.customer_id
    WHERE c.id IS NULL OR c.sandbox <> e.sandbox OR (c.external_id <> e.customer_ref AND NOT EXISTS (
        SELECT FROM customers_customerevent h WHERE h.pgh_obj_id = c.id AND h.external_id = e.customer_ref))
"""

# Meters may be renamed after the event, so the name is looked up in their history.
_REPORTS = """
    SELECT u.id, u.event_key FROM billing_unmatchedusage u LEFT JOIN billing_event e ON e.key = u.event_key
    WHERE e.key IS NULL OR (u.sequence, u.occurred_at, u.sandbox, u.customer_ref, u.event_name)
            <> (e.sequence, e.occurred_at, e.sandbox, e.customer_ref, e.name)
        OR u.customer_id <> e.customer_id OR (u.customer_id IS NULL AND u.reason <> 'unknown_customer')
        OR (u.resolved_at IS NULL AND u.customer_id IS NOT NULL AND u.reason = 'unknown_customer')
        OR (u.reason IN ('unknown_customer', 'unknown_event')) <> (u.meter_id IS NULL)
        OR (u.resolved_at IS NULL) <> (u.resolved_sequence IS NULL)
        OR u.resolved_sequence <= u.sequence
        OR u.resolved_sequence > (SELECT last_value FROM billing_event_sequence)
        OR (u.meter_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM plans_meterevent m WHERE (m.pgh_obj_id, m.event_name) = (u.meter_id, u.event_name)))
"""

# A correction comes after its event by sequence and by time, and a replacement is an event of its own.
_CORRECTIONS = """
    SELECT k.id, k.event_key, k.replacement_key FROM billing_correction k
    LEFT JOIN billing_event e ON e.key = k.event_key LEFT JOIN billing_event r ON r.key = k.replacement_key
    LEFT JOIN customers_apikey a ON a.id = k.api_key_id
    WHERE e.key IS NULL OR e.sandbox <> k.sandbox OR e.sequence >= k.sequence OR k.corrected_at < e.received_at
        OR a.sandbox <> k.sandbox
        OR (k.replacement_key IS NOT NULL AND (r.key IS NULL OR r.sandbox <> k.sandbox
            OR r.sequence >= k.sequence OR r.received_at <> k.corrected_at))
        OR EXISTS (SELECT FROM billing_unmatchedusage u WHERE u.event_key = k.event_key AND (u.resolved_at IS NULL
            OR (u.resolved_sequence > k.sequence AND u.resolved_at <> k.corrected_at)))
"""

# Left joins throughout: a counter whose period, feature or rate is missing has to be found, not lost.
_PLACES = """
    SELECT c.id AS counter_id, c.period_id, c.plan_feature_id, c.rate_id FROM billing_counter c
    LEFT JOIN billing_period p ON p.id = c.period_id LEFT JOIN billing_subscription s ON s.id = p.subscription_id
    LEFT JOIN plans_planfeature f ON f.id = c.plan_feature_id
    LEFT JOIN plans_rate r ON r.id = c.rate_id LEFT JOIN plans_price pr ON pr.id = r.price_id
    WHERE p.id IS NULL OR f.version_id IS DISTINCT FROM p.version_id OR p.kind <> 'regular'
        OR c.window_start >= p.ends_at OR (c.window_start < p.starts_at AND coalesce(pr.resets_unit, '') = '')
        OR CASE c.rate_id WHEN 0 THEN f.consumption <> 'hard_cap'
            ELSE (pr.plan_feature_id, pr.currency) IS DISTINCT FROM (c.plan_feature_id,
                CASE f.consumption WHEN 'credits' THEN 'XCR' ELSE s.currency END) END
"""

# If a single feature of a version prices a meter, its counters and the meter's rollups are sums of the same events.
_ROLLUPS = """
    WITH single AS (
        SELECT g.version_id, f.meter_id, min(g.id) AS plan_feature_id FROM plans_planfeature g
        JOIN plans_feature f ON f.id = g.feature_id WHERE f.meter_id IS NOT NULL GROUP BY 1, 2 HAVING count(*) = 1
    ),
    counted AS (
        SELECT c.period_id, s.meter_id, sum(c.events) AS events, sum(c.quantity) AS quantity
        FROM billing_counter c JOIN single s USING (plan_feature_id) GROUP BY 1, 2
    ),
    rolled AS (
        SELECT r.period_id, r.meter_id, sum(h.events) AS events, sum(h.quantity) AS quantity
        FROM billing_series r JOIN billing_hourlyusage h ON h.series_id = r.id
        JOIN billing_period p ON p.id = r.period_id
        JOIN single s ON (s.version_id, s.meter_id) = (p.version_id, r.meter_id)
        GROUP BY 1, 2
    )
    SELECT coalesce(c.period_id, r.period_id) AS period_id, coalesce(c.meter_id, r.meter_id) AS meter_id,
        c.quantity AS counted, r.quantity AS rolled_up
    FROM counted c FULL JOIN rolled r ON (r.period_id, r.meter_id) = (c.period_id, c.meter_id)
    WHERE (c.events, c.quantity) IS DISTINCT FROM (r.events, r.quantity)
"""

_HOURS = """
    SELECT r.id AS series_id, r.period_id, r.meter_id, h.bucket FROM billing_series r
    LEFT JOIN billing_hourlyusage h ON h.series_id = r.id JOIN billing_period p ON p.id = r.period_id
    WHERE h.series_id IS NULL OR h.bucket <= p.starts_at - interval '1 hour' OR h.bucket >= p.ends_at
        OR NOT EXISTS (SELECT FROM plans_planfeature g JOIN plans_feature f ON f.id = g.feature_id
            WHERE g.version_id = p.version_id AND f.meter_id = r.meter_id)
"""

CHECKS = (
    Check("events_have_the_key_of_their_sender_and_id", "E2", _recount_rows("keys")),
    Check("events_are_as_they_were_sent", "E1", _recount_rows("digests")),
    Check("events_are_counted_or_reported", "E3", _recount_rows("unreported")),
    Check("unmatched_usage_has_its_reason", "E3", _recount_rows("reasons")),
    Check("counters_are_the_sum_of_their_events", "E6", _recount_rows("counters")),
    Check("rollups_are_the_sum_of_their_events", "E6", _recount_rows("rollups")),
    Check("tallies_are_made_of_their_events", "E6", _recount_rows("aggregate_states")),
    Check("snapshots_are_the_sum_of_the_events_up_to_their_mark", "E6", _recount_rows("snapshots")),
    Check("events_are_in_one_sequence", "E2", _SEQUENCES),
    Check("events_belong_to_the_customer_they_name", "A1", _CUSTOMERS),
    Check("reports_of_unmatched_usage_agree_with_their_events", "E3", _REPORTS),
    Check("corrections_follow_what_they_correct", "E7", _CORRECTIONS),
    Check("counters_stand_where_their_version_puts_them", "E5", _PLACES),
    Check("counters_agree_with_rollups", "E6", _ROLLUPS),
    Check("rollups_lie_in_their_period", "E5", _HOURS),
)
