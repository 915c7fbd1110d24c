"""Check that reservations match their customer, period, feature and hold."""

from billing.audit.check import Check

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
            WHERE c.plan_feature_id = pf.id AND t.id = r.rate_id AND t.match <@ r.properties)
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
    Check("reservations_are_of_what_they_reserve", "R1", _MISPLACED),
    Check("reservations_end_together_with_their_hold", "R2", _HELD),
)
