"""Check subscriptions, their periods and the features they cover."""

from billing.audit.check import Check
from tests.oracle.records.period_boundaries import misplaced_boundaries

# A trial lasts from the subscription's start to the trial's end, or to the subscription's end if that is earlier.
# Only trial periods start before its end.
_TRIALS = """
    SELECT s.id AS subscription_id, s.trial_ends_at, max(p.ends_at) FILTER (WHERE p.is_trial) AS last_of_trial
    FROM billing_subscription s LEFT JOIN billing_period p ON p.subscription_id = s.id
    GROUP BY s.id HAVING max(p.ends_at) FILTER (WHERE p.is_trial) IS DISTINCT FROM
            CASE WHEN s.trial_ends_at IS NOT NULL AND s.ends_at IS DISTINCT FROM s.starts_at
            THEN least(s.trial_ends_at, s.ends_at) END
        OR min(p.starts_at) FILTER (WHERE NOT p.is_trial) < s.trial_ends_at
"""

_PARTS = """
    SELECT p.id AS period_id, p.continues_id, p.starts_at FROM billing_period p
    LEFT JOIN billing_period q ON q.id = p.continues_id AND q.subscription_id = p.subscription_id
        AND q.kind = 'regular' AND (q.ends_at = p.starts_at AND q.version_id <> p.version_id OR EXISTS (
            SELECT FROM billing_pause z WHERE z.state <> 'revoked' AND q.version_id = p.version_id
                AND (z.subscription_id, z.starts_at, z.ends_at) = (p.subscription_id, q.ends_at, p.starts_at)))
    WHERE p.continues_id IS NOT NULL AND q.id IS NULL
"""

# A period has the anchor of the one before it, unless a change of version restarted the billing period there.
_ANCHORS = """
    SELECT p.id AS period_id, p.anchor_at, q.anchor_at AS before FROM billing_period p
    LEFT JOIN LATERAL (
        SELECT * FROM billing_period b WHERE b.subscription_id = p.subscription_id AND b.kind = 'regular'
            AND b.starts_at < p.starts_at ORDER BY b.starts_at DESC LIMIT 1
    ) q ON true
    WHERE p.kind <> 'undone' AND p.anchor_at IS DISTINCT FROM q.anchor_at
        AND (p.anchor_at = p.starts_at AND p.version_id <> q.version_id) IS NOT TRUE
"""

_GRACE = """
    WITH graces AS (
        SELECT pgh_obj_id AS seller_id, grace FROM customers_sellerevent
        UNION SELECT id, grace FROM customers_seller
    )
    SELECT p.id AS period_id, p.ends_at, p.due_at FROM billing_period p
    JOIN billing_subscription s ON s.id = p.subscription_id
    WHERE (p.kind = 'opening' AND p.due_at <> p.ends_at) OR (p.kind = 'regular' AND NOT EXISTS (
        SELECT FROM graces g WHERE g.seller_id = s.seller_id AND p.due_at = p.ends_at + g.grace))
"""

_CLOSED = """
    SELECT p.id AS period_id, p.state, p.ends_at, p.closed_at, i.issued_at FROM billing_period p
    LEFT JOIN invoices_invoice i ON i.id = p.invoice_id
    WHERE CASE p.state
        WHEN 'closed' THEN p.closed_at IS NULL OR p.closed_at < p.ends_at OR p.closed_at > i.issued_at
        ELSE p.closed_at IS NOT NULL OR p.invoice_id IS NOT NULL OR p.late_since IS NOT NULL END
        OR p.late_since < p.ends_at OR (p.kind = 'opening' AND p.late_since IS NOT NULL)
        OR (p.error = '' AND p.retry_at IS NOT NULL)
"""

# late_since is the time of the first late event, of its reprocessing, of a correction, of the close itself if it left
# a negative amount to a later invoice, or of the invoice for the period that this one continues.
_LATE = """
    WITH late AS (
        SELECT p.id, p.late_since, p.closed_at, p.continues_id, s.customer_id FROM billing_period p
        JOIN billing_subscription s ON s.id = p.subscription_id WHERE p.late_since IS NOT NULL
    ), came AS (
        SELECT DISTINCT customer_id, received_at AS at FROM billing_event
        WHERE customer_id IN (SELECT customer_id FROM late)
        UNION SELECT customer_id, resolved_at FROM billing_unmatchedusage
        UNION SELECT e.customer_id, k.corrected_at FROM billing_correction k
        JOIN billing_event e ON e.key = k.event_key
    )
    SELECT l.id AS period_id, l.late_since FROM late l
    LEFT JOIN came c ON (c.customer_id, c.at) = (l.customer_id, l.late_since)
    WHERE c.at IS NULL AND l.late_since <> l.closed_at AND NOT (l.continues_id IS NOT NULL AND EXISTS (
        SELECT FROM invoices_invoice i WHERE (i.customer_id, i.issued_at) = (l.customer_id, l.late_since)))
"""

# The history has every version that a subscription was ever on; a period may have any of them.
_VERSIONS = """
    WITH had AS (
        SELECT pgh_obj_id AS subscription_id, version_id FROM billing_subscriptionevent
        UNION SELECT id, version_id FROM billing_subscription
        UNION SELECT subscription_id, version_id FROM billing_scheduledchange WHERE state = 'pending'
    )
    SELECT p.id AS period_id, p.version_id, v.state FROM billing_period p
    LEFT JOIN plans_planversion v ON v.id = p.version_id
    WHERE v.state IS NULL OR v.state IN ('draft', 'review') AND NOT (v.tried_at IS NOT NULL
            AND EXISTS (SELECT FROM billing_subscription s WHERE s.id = p.subscription_id AND s.sandbox))
        OR NOT EXISTS (SELECT FROM had h WHERE (h.subscription_id, h.version_id) = (p.subscription_id, p.version_id))
    UNION ALL
    SELECT NULL, s.version_id, v.state FROM billing_subscription s JOIN plans_planversion v ON v.id = s.version_id
    WHERE s.state <> 'draft' AND v.state IN ('draft', 'review', 'scheduled')
        AND NOT (s.sandbox AND v.tried_at IS NOT NULL)
"""

# Coverage must equal the features of the versions of a subscription's periods, each while it is in force; the last
# one until the subscription ends or the next scheduled change. The FULL JOIN finds missing and surplus coverage.
_COVERAGE = """
    WITH priced AS (
        SELECT s.id, p.version_id, p.starts_at AS since, least(
            lead(p.starts_at) OVER (PARTITION BY s.id ORDER BY p.starts_at), m.moment, s.ends_at) AS until
        FROM billing_subscription s JOIN billing_period p ON p.subscription_id = s.id AND p.kind = 'regular'
        LEFT JOIN billing_scheduledchange m
            ON m.subscription_id = s.id AND m.state = 'pending' AND m.version_id <> p.version_id
        WHERE m.moment IS NULL OR m.moment > p.starts_at
        UNION ALL SELECT s.id, m.version_id, m.moment, s.ends_at
        FROM billing_scheduledchange m JOIN billing_subscription s ON s.id = m.subscription_id
        WHERE m.state = 'pending'
    ), wanted AS (
        SELECT p.id AS subscription_id, f.feature_id, range_agg(tstzrange(p.since, p.until)) AS during
        FROM priced p JOIN plans_planfeature f ON f.version_id = p.version_id GROUP BY 1, 2
    ), covered AS (
        SELECT c.subscription_id, c.feature_id, range_agg(c.during) AS during,
            bool_and(c.customer_id = s.customer_id AND c.named = s.named) AS is_its_own
        FROM billing_coverage c LEFT JOIN billing_subscription s ON s.id = c.subscription_id GROUP BY 1, 2
    )
    SELECT subscription_id, feature_id, w.during::text AS wanted, c.during::text AS covered
    FROM wanted w FULL JOIN covered c USING (subscription_id, feature_id)
    WHERE w.during IS DISTINCT FROM c.during OR c.is_its_own IS NOT TRUE
"""

# A completed change has a period that starts with it, after a period of the previous version. If a period was to be
# split and was not, the row says why. A rollback of a migration has undone its changes.
_CHANGES = """
    SELECT m.id AS change_id, m.state, m.moment FROM billing_scheduledchange m
    LEFT JOIN billing_rollout r ON r.id = m.rollout_id
    WHERE m.version_id <> r.version_id OR m.splits_period > r.splits_periods
        OR (m.state IN ('pending', 'done') AND m.splits_period < r.splits_periods AND m.problem = '')
        OR (m.state IN ('pending', 'done') AND (m.moment < r.effective_from OR m.version_id = m.from_version_id))
        OR (m.state = 'done' AND m.decided_at < m.moment)
        OR (m.state = 'done'
            AND NOT EXISTS (SELECT FROM billing_migrationitem v WHERE v.change_id = m.id AND v.state = 'undone')
            AND (NOT EXISTS (SELECT FROM billing_period p WHERE p.subscription_id = m.subscription_id
                AND p.kind = 'regular' AND p.version_id = m.version_id AND p.starts_at = m.moment)
            OR NOT EXISTS (SELECT FROM billing_period p WHERE p.subscription_id = m.subscription_id
                AND p.kind = 'regular' AND p.version_id = m.from_version_id AND p.ends_at = m.moment)))
    UNION ALL SELECT r.id, r.state, r.effective_from FROM billing_rollout r
    JOIN plans_planversion v ON v.id = r.version_id
    WHERE r.state <> 'withdrawn' AND (v.published_at, v.effective_from, v.audience, v.published_by_id)
        IS DISTINCT FROM (r.published_at, r.effective_from, r.audience, r.by_id)
"""

CHECKS = (
    Check("trials_have_the_agreed_length", "P6", _TRIALS),
    Check("periods_follow_their_anchor", "P2", misplaced_boundaries),
    Check("plan_changes_leave_no_gap", "P2", _PARTS),
    Check("periods_keep_their_anchor_until_a_restart", "P2", _ANCHORS),
    Check("periods_are_due_after_the_grace_period", "P4", _GRACE),
    Check("periods_are_closed_after_their_end", "P4", _CLOSED),
    Check("late_periods_record_when_usage_arrived", "E4", _LATE),
    Check("periods_have_a_version_of_their_subscription", "V2", _VERSIONS),
    Check("coverage_matches_the_subscriptions_features", "P5", _COVERAGE),
    Check("plan_changes_start_with_a_period", "V2", _CHANGES),
)
