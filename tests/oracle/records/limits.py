"""Check alerts and reservations against the usage that they are about."""

from billing.audit.check import Check

_SCOPES = """
    SELECT g.id AS alert_rule_id, g.customer_id, s.customer_id AS of_subscription FROM billing_alertrule g
    JOIN billing_subscription s ON s.id = g.subscription_id WHERE s.customer_id <> g.customer_id
"""

# Each comparison with NULL is NULL and so passes: only references that are set must agree.
_SUBJECTS = """
    SELECT a.id AS alert_id, a.customer_id, s.customer_id AS of_subscription, w.customer_id AS of_wallet,
        g.customer_id AS of_alert_rule
    FROM billing_alert a JOIN billing_alertrule g ON g.id = a.alert_rule_id
    JOIN customers_customer c ON c.id = a.customer_id
    LEFT JOIN billing_subscription s ON s.id = a.subscription_id
    LEFT JOIN wallets_wallet w ON w.id = a.wallet_id
    WHERE s.customer_id <> a.customer_id OR w.customer_id <> a.customer_id OR g.customer_id <> a.customer_id
        OR g.seller_id <> c.seller_id OR g.subscription_id <> a.subscription_id OR g.feature_id <> a.feature_id
        OR g.kind <> 'cap' AND (g.dimension, g.dimension_value) <> (a.dimension, a.dimension_value)
        OR (g.kind IN ('low_balance', 'expiring')) <> (a.wallet_id IS NOT NULL)
        OR (g.kind IN ('allowance', 'anomaly')) AND a.feature_id IS NULL
        OR (g.kind NOT IN ('low_balance', 'expiring', 'cap', 'spend')) AND a.subscription_id IS NULL
"""

# An alert stores the value at which it fired, and the threshold of the rule at that time.
_VALUES = """
    SELECT a.id AS alert_id, g.kind, a.threshold, a.value, a."limit", a.agreed_limit
    FROM billing_alert a JOIN billing_alertrule g ON g.id = a.alert_rule_id
    WHERE CASE
        WHEN g.kind = 'low_balance' THEN a."limit" IS NULL OR a.value * 100 >= a."limit" * a.threshold
        WHEN g.kind = 'expiring' THEN a."limit" IS NOT NULL OR a.value <= 0 OR a.since IS DISTINCT FROM a.ends_at
        WHEN g.kind = 'anomaly' THEN a."limit" IS NULL OR a.ends_at IS NOT NULL
        ELSE a."limit" IS NULL OR a.value * 100 < a."limit" * a.threshold OR a.ends_at IS NULL
    END OR a.agreed_limit <> CASE
        WHEN g.kind IN ('allowance', 'cap', 'spend', 'projected') THEN a."limit"
        WHEN g.kind <> 'low_balance' THEN 0 ELSE a.agreed_limit
    END
"""

# A notification names a subscription or feature as it was called at that time. Notifications are deleted after their
# retention, and with the erasure of a customer, so the alerts of that time and of those customers are left out.
_NOT_ANNOUNCED = """
    WITH announced AS (
        SELECT unnest(string_to_array(facts ->> 'alerts', ','))::bigint AS alert_id, customer_id, created_at, facts
        FROM customers_notification WHERE kind = 'alert.fired' AND facts ? 'alerts'
    )
    SELECT a.id AS alert_id, a.threshold, a.value, a."limit", a.fired_at
    FROM billing_alert a LEFT JOIN announced n ON n.alert_id = a.id
        AND n.customer_id = a.customer_id AND n.created_at = a.fired_at
        AND a.threshold::text = ANY (string_to_array(n.facts ->> 'thresholds', ','))
        AND (n.facts ->> 'alert_rule')::bigint = a.alert_rule_id
        AND (n.facts ->> 'wallet')::bigint IS NOT DISTINCT FROM a.wallet_id
        AND coalesce(n.facts ->> 'dimension', '') = a.dimension
        AND coalesce(n.facts ->> 'dimension_value', '') = a.dimension_value
        AND (n.facts ->> 'value')::numeric = a.value AND n.facts ->> 'unit' = a.unit
        AND (n.facts ->> 'limit')::numeric IS NOT DISTINCT FROM a."limit"
        AND (n.facts ->> 'period_start')::timestamptz = a.since
        AND (n.facts ->> 'period_end')::timestamptz IS NOT DISTINCT FROM a.ends_at
        AND CASE WHEN a.subscription_id IS NULL THEN n.facts ->> 'subscription' IS NULL ELSE EXISTS (
            SELECT FROM billing_subscriptionevent e WHERE e.pgh_obj_id = a.subscription_id
            AND e.external_id = n.facts ->> 'subscription') END
        AND CASE WHEN a.feature_id IS NULL THEN n.facts ->> 'feature' IS NULL ELSE EXISTS (
            SELECT FROM plans_featureevent e WHERE e.pgh_obj_id = a.feature_id
            AND e.code = n.facts ->> 'feature') END
    JOIN customers_customer c ON c.id = a.customer_id AND c.erased_at IS NULL
    WHERE n.alert_id IS NULL AND a.id >= (SELECT min(alert_id) FROM announced)
"""

# One pass over the reservations: the period, window and rate stored with each must be those that fit it.
_MISPLACED = """
    SELECT r.id AS reservation_id FROM billing_reservation r
    JOIN billing_period p ON p.id = r.period_id JOIN billing_subscription s ON s.id = p.subscription_id
    JOIN plans_planfeature pf ON pf.id = r.plan_feature_id
    WHERE s.customer_id <> r.customer_id OR pf.version_id <> p.version_id
        OR (r.subscription_ref NOT IN ('', s.external_id))
        OR (r.state = 'open' AND (r.at < p.starts_at OR r.at >= p.ends_at))
        OR r.window_start > r.at OR r.window_start <> p.starts_at AND NOT EXISTS (
            SELECT FROM plans_price c WHERE c.plan_feature_id = pf.id AND c.resets_unit <> '')
        OR NOT EXISTS (SELECT FROM plans_rate t JOIN plans_price c ON c.id = t.price_id
            WHERE c.plan_feature_id = pf.id AND t.id = r.rate_id & 1099511627775 AND t.match <@ r.properties)
        AND (r.rate_id <> 0 OR EXISTS (SELECT FROM plans_price c WHERE c.plan_feature_id = pf.id))
"""

# Both directions: each prepaid reservation has its hold, and each such hold its reservation.
_HELD = """
    SELECT r.id AS reservation_id, h.id AS hold_id FROM billing_reservation r
    JOIN plans_planfeature pf ON pf.id = r.plan_feature_id JOIN wallets_hold h ON h.id = r.hold_id
    WHERE (h.customer_id, h.reference, h.feature_id, h.at, h.until)
        <> (r.customer_id, 'reservation:' || r.reference, pf.feature_id, r.at, r.until)
        OR (r.state <> 'open' AND h.state = 'open') OR (r.state = 'open' AND h.state NOT IN ('open', 'lapsed'))
    UNION ALL
    SELECT NULL, h.id FROM wallets_hold h WHERE h.reference LIKE 'reservation:%'
        AND NOT EXISTS (SELECT FROM billing_reservation r WHERE r.hold_id = h.id)
    UNION ALL
    SELECT r.id, NULL FROM billing_reservation r WHERE (r.state = 'committed') <> (r.used IS NOT NULL)
        OR (r.state = 'lapsed' AND r.ended_at < r.until) OR r.ended_at < r.at
"""

CHECKS = (
    Check("alert_rules_belong_to_their_subscriptions_customer", "G1", _SCOPES),
    Check("alerts_match_the_scope_of_their_rule", "G1", _SUBJECTS),
    Check("alerts_crossed_their_threshold", "G2", _VALUES),
    Check("alerts_have_a_notification", "G2", _NOT_ANNOUNCED),
    Check("reservations_match_their_feature_and_period", "R1", _MISPLACED),
    Check("reservations_end_with_their_hold", "R2", _HELD),
)
