"""Check events, reports of unmatched usage, and where counters and rollups stand."""

from billing.audit.check import Check
from tests.oracle.usage.aggregate_states import wrong_aggregate_states
from tests.oracle.usage.unmatched_usage import wrong_reasons

# Meters may be renamed after the event, so the name is looked up in their history.
_REPORTS = """
    SELECT u.id, u.event_key FROM billing_unmatchedusage u LEFT JOIN billing_event e ON e.key = u.event_key
    WHERE e.key IS NULL AND NOT EXISTS (SELECT FROM billing_eventremoval g
            WHERE g.customer_id IS NOT DISTINCT FROM u.customer_id AND u.occurred_at < g.until)
        OR (u.sequence, u.occurred_at, u.sandbox, u.customer_ref, u.event_name)
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

# A correction comes after its event by sequence and by time, and a replacement is an event of its own. It outlives
# both, if events of some customer have left since.
_CORRECTIONS = """
    SELECT k.id, k.event_key, k.replacement_key FROM billing_correction k
    LEFT JOIN billing_event e ON e.key = k.event_key LEFT JOIN billing_event r ON r.key = k.replacement_key
    LEFT JOIN customers_apikey a ON a.id = k.api_key_id
    WHERE (e.key IS NULL OR r.key IS NULL AND k.replacement_key IS NOT NULL)
            AND NOT EXISTS (SELECT FROM billing_eventremoval g WHERE g.removed_at >= k.corrected_at)
        OR e.sandbox <> k.sandbox OR e.sequence >= k.sequence OR k.corrected_at < e.received_at
        OR a.sandbox <> k.sandbox
        OR (k.replacement_key IS NOT NULL AND (r.sandbox <> k.sandbox
            OR r.sequence >= k.sequence OR r.received_at <> k.corrected_at))
        OR EXISTS (SELECT FROM billing_unmatchedusage u WHERE u.event_key = k.event_key AND (u.resolved_at IS NULL
            OR (u.resolved_sequence > k.sequence AND u.resolved_at <> k.corrected_at)))
"""

# Left joins throughout: a counter whose period, feature or rate is missing has to be found, not lost. The upper bits
# of a split price's rate are the number of the value.
_PLACES = """
    SELECT c.id AS counter_id, c.period_id, c.plan_feature_id, c.rate_id FROM billing_counter c
    LEFT JOIN billing_period p ON p.id = c.period_id LEFT JOIN billing_subscription s ON s.id = p.subscription_id
    LEFT JOIN plans_planfeature f ON f.id = c.plan_feature_id
    LEFT JOIN plans_rate r ON r.id = c.rate_id & 1099511627775 LEFT JOIN plans_price pr ON pr.id = r.price_id
    WHERE p.id IS NULL OR f.version_id IS DISTINCT FROM p.version_id OR p.kind <> 'regular'
        OR c.window_start >= p.ends_at OR (c.window_start < p.starts_at AND coalesce(pr.resets_unit, '') = '')
        OR CASE c.rate_id WHEN 0 THEN f.consumption <> 'hard_cap'
            ELSE (pr.plan_feature_id, pr.currency) IS DISTINCT FROM (c.plan_feature_id,
                CASE f.consumption WHEN 'credits' THEN 'XCR' ELSE s.currency END)
                OR (c.rate_id >> 40 > 0 AND pr.split_by = '') END
"""

_HOURS = """
    SELECT r.id AS series_id, r.period_id, r.meter_id, h.bucket FROM billing_series r
    LEFT JOIN billing_hourlyusage h ON h.series_id = r.id JOIN billing_period p ON p.id = r.period_id
    WHERE h.series_id IS NULL OR h.bucket <= p.starts_at - interval '1 hour' OR h.bucket >= p.ends_at
        OR NOT EXISTS (SELECT FROM plans_planfeature g JOIN plans_feature f ON f.id = g.feature_id
            WHERE g.version_id = p.version_id AND f.meter_id = r.meter_id)
"""

CHECKS = (
    Check("unmatched_usage_has_its_reason", "E3", wrong_reasons),
    Check("aggregate_states_equal_the_replay_of_their_events", "E6", wrong_aggregate_states),
    Check("unmatched_usage_matches_its_events", "E3", _REPORTS),
    Check("corrections_follow_the_corrected_event", "E7", _CORRECTIONS),
    Check("counters_belong_to_their_version", "E5", _PLACES),
    Check("hourly_usage_lies_in_its_period", "E5", _HOURS),
)
