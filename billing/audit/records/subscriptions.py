"""Check subscriptions, their periods and the features they cover."""

from billing.audit.check import Check
from billing.audit.usage.closed_period_leftovers import unbilled_in_closed_periods

_TILING = """
    SELECT subscription_id, id AS period_id, ends_at, next_starts_at FROM (
        SELECT p.*, lead(starts_at) OVER (PARTITION BY subscription_id ORDER BY starts_at) AS next_starts_at
        FROM billing_period p WHERE kind = 'regular'
    ) t WHERE next_starts_at <> ends_at AND NOT EXISTS (
        SELECT FROM billing_pause z WHERE z.state <> 'revoked'
            AND (z.subscription_id, z.starts_at, z.ends_at) = (t.subscription_id, t.ends_at, t.next_starts_at))
"""

_FIRST = """
    SELECT s.id AS subscription_id, s.starts_at, min(p.starts_at) AS first_period
    FROM billing_subscription s JOIN billing_period p ON p.subscription_id = s.id
    GROUP BY s.id HAVING min(p.starts_at) <> s.starts_at
        OR bool_or(p.kind = 'opening' AND (p.ends_at <> p.starts_at OR (p.starts_at <> s.starts_at AND NOT EXISTS (
            SELECT FROM billing_pause z WHERE (z.subscription_id, z.ends_at) = (s.id, p.starts_at)))))
"""

# The last period decides, except where a pause lasted until the end of the subscription.
_ENDS = """
    SELECT s.id AS subscription_id, s.state, s.ends_at, max(p.ends_at) AS last_period
    FROM billing_subscription s LEFT JOIN billing_period p ON p.subscription_id = s.id
    GROUP BY s.id HAVING max(p.ends_at) > s.ends_at
        OR (s.state = 'ended' AND (s.ends_at IS NULL OR bool_or(p.state = 'open') OR (max(p.ends_at) < s.ends_at
            AND NOT EXISTS (SELECT FROM billing_pause z WHERE z.subscription_id = s.id AND z.state <> 'revoked'
                AND z.starts_at = max(p.ends_at)))))
        OR (s.state = 'canceled' AND (s.canceled_at IS NULL OR s.ends_at IS NULL))
        OR s.ends_at < s.starts_at
        OR (s.state <> 'draft' AND count(p.id) = 0 AND s.ends_at IS DISTINCT FROM s.starts_at)
"""

# A subscription is paused while a pause is running, unless it ends meanwhile; no period overlaps a pause.
_PAUSES = """
    SELECT z.id AS pause_id, z.state, s.state AS of_subscription FROM billing_pause z
    JOIN billing_subscription s ON s.id = z.subscription_id
    WHERE z.state <> 'revoked' AND EXISTS (
        SELECT FROM billing_period p WHERE p.subscription_id = s.id AND p.kind = 'regular'
            AND p.starts_at < coalesce(z.ends_at, 'infinity') AND p.ends_at > z.starts_at)
    UNION ALL SELECT NULL, z.state, s.state FROM billing_subscription s
    LEFT JOIN billing_pause z ON z.subscription_id = s.id AND z.state = 'running'
    WHERE (s.state = 'paused' AND z.id IS NULL) OR (s.state IN ('active', 'trialing') AND z.id IS NOT NULL)
"""

CHECKS = (
    Check("periods_have_no_gaps_or_overlaps", "P1", _TILING),
    Check("periods_start_with_their_subscription", "P1", _FIRST),
    Check("periods_end_with_their_subscription", "P1", _ENDS),
    Check("paused_subscriptions_are_not_billed", "P7", _PAUSES),
    Check("closed_periods_have_no_unbilled_usage", "E4", unbilled_in_closed_periods),
)
