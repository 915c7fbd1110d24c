"""Check events, reports of unmatched usage, and the sums that are stored next to them."""

from collections.abc import Callable, Iterable

from billing.audit.check import Check, Row
from billing.audit.shared_reads import Books
from billing.metering.store.event_removals import read_removed
from billing.metering.store.unmatched_usage import rule_of
from plans.pricing.price_splits import KEYS_PER_VALUE

# The database refuses both when a removal begins.
_REMOVALS = """
    SELECT r.id AS removal_id, r.customer_id, p.id AS period_id, 'the period is not billed' AS wrong
    FROM billing_eventremoval r JOIN billing_subscription s ON s.customer_id = r.customer_id
    JOIN billing_period p ON p.subscription_id = s.id AND p.ends_at <= r.until AND p.kind <> 'undone'
    WHERE p.state = 'open' OR p.late_since IS NOT NULL
    UNION ALL
    SELECT r.id, r.customer_id, NULL, 'no day and no period begins at its end' FROM billing_eventremoval r
    WHERE r.until <> date_trunc('day', r.until, 'UTC') AND NOT EXISTS (
        SELECT FROM billing_subscription s JOIN billing_period p ON p.subscription_id = s.id
        WHERE s.customer_id = r.customer_id AND p.starts_at = r.until)
"""


def _describe_removed(books: Books) -> str:
    if not books.recount.removed_periods:
        return ""
    until = max(removed.until for removed in read_removed().values())
    return (
        f"{books.recount.removed_periods:,} periods are not recounted: their events, up to {until:%Y-%m-%d} at the"
        " latest, have left."
    )


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

_IGNORED = f"""
    SELECT u.id AS report_id, u.ignore_rule_id AS stored, {rule_of("u")} AS matching FROM billing_unmatchedusage u
    WHERE u.resolved_at IS NULL AND u.ignore_rule_id IS DISTINCT FROM {rule_of("u")}
"""  # noqa: S608

# The numbers of a price's values are consecutive and within its bound, and each number in a counter has its value.
_SPLIT_VALUES = f"""
    SELECT v.period_id, v.plan_feature_id, count(*) AS numbered, max(v.position) AS last FROM billing_splitvalue v
    JOIN billing_period p ON p.id = v.period_id JOIN billing_subscription s ON s.id = p.subscription_id
    LEFT JOIN plans_planfeature f ON (f.id, f.version_id) = (v.plan_feature_id, p.version_id)
    LEFT JOIN plans_price r ON r.plan_feature_id = f.id AND r.currency = s.currency AND r.split_by <> ''
    GROUP BY 1, 2, r.split_bound HAVING count(*) <> max(v.position) OR max(v.position) <= r.split_bound IS NOT TRUE
    UNION ALL
    SELECT c.period_id, c.plan_feature_id, NULL, c.rate_id / {KEYS_PER_VALUE} FROM billing_counter c
    WHERE c.rate_id >= {KEYS_PER_VALUE} AND NOT EXISTS (SELECT FROM billing_splitvalue v
        WHERE (v.period_id, v.plan_feature_id) = (c.period_id, c.plan_feature_id)
            AND v.position = c.rate_id / {KEYS_PER_VALUE})
"""  # noqa: S608

CHECKS = (
    Check("event_keys_match_sender_and_id", "E2", _recount_rows("keys")),
    Check("events_have_not_changed", "E1", _recount_rows("digests")),
    Check("events_are_counted_or_reported_as_unmatched", "E3", _recount_rows("unreported")),
    Check("unmatched_usage_is_ignored_by_the_first_matching_rule", "E8", _IGNORED),
    Check("counters_equal_the_sum_of_their_events", "E6", _recount_rows("counters"), note=_describe_removed),
    Check("hourly_usage_equals_the_sum_of_its_events", "E6", _recount_rows("rollups")),
    Check("billed_usage_equals_the_sum_of_its_events", "E6", _recount_rows("snapshots")),
    Check("buckets_of_quotas_equal_the_sum_of_their_events", "E6", _recount_rows("buckets")),
    Check("events_leave_after_they_are_billed", "E9", _REMOVALS),
    Check("events_that_have_left_are_deleted", "E9", _recount_rows("left_behind")),
    Check("events_share_one_sequence", "E2", _SEQUENCES),
    Check("events_belong_to_the_named_customer", "A1", _CUSTOMERS),
    Check("counters_equal_hourly_usage", "E6", _ROLLUPS),
    Check("split_values_are_numbered_without_gaps", "E5", _SPLIT_VALUES),
)
