"""Check plan migrations: migrated and rolled-back subscriptions match their items."""

from billing.audit.check import Check

# A subscription may have changed its plan again, or ended, since its migration; the period created by the migration
# stays.
_MOVES = """
    SELECT m.id AS move_id, m.state, m.part_id, m.change_id FROM billing_migrationitem m
    JOIN billing_planmigration g ON g.id = m.migration_id
    JOIN billing_subscription s ON s.id = m.subscription_id
    LEFT JOIN billing_period p ON p.id = m.part_id
    LEFT JOIN billing_scheduledchange c ON c.id = m.change_id
    WHERE s.sandbox <> g.sandbox OR (m.state = 'scheduled') <> (c.id IS NOT NULL AND m.state <> 'undone')
        OR (g.state NOT IN ('begun', 'undone') AND m.state IN ('scheduled', 'moved', 'undone'))
        OR (p.id IS NOT NULL AND (p.subscription_id, p.version_id) <> (m.subscription_id, g.version_id))
        OR (p.id IS NOT NULL AND (p.kind = 'undone') <> (m.state = 'undone'))
        OR (c.id IS NOT NULL AND (c.subscription_id, c.version_id, c.from_version_id)
            <> (m.subscription_id, g.version_id, m.from_version_id))
        OR (m.state = 'undone' AND p.id IS NULL AND c.state IN ('pending', 'done'))
"""

# A rolled-back period keeps its row and its credited invoice, and nothing that later billing could read.
_UNDONE = """
    SELECT p.id AS period_id, p.invoice_id, i.total, i.credited FROM billing_period p
    LEFT JOIN invoices_invoice i ON i.id = p.invoice_id
    WHERE p.kind = 'undone' AND (i.credited <> i.total
        OR EXISTS (SELECT FROM billing_counter c WHERE c.period_id = p.id)
        OR EXISTS (SELECT FROM billing_series c WHERE c.period_id = p.id)
        OR EXISTS (SELECT FROM billing_drawdown d WHERE d.period_id = p.id AND d.cost <> 0)
        OR EXISTS (SELECT FROM billing_periodgrant g WHERE g.period_id = p.id)
        OR NOT EXISTS (SELECT FROM billing_migrationitem m
            WHERE m.subscription_id = p.subscription_id AND m.state = 'undone'))
"""

CHECKS = (
    Check("moves_match_the_state_of_their_migration", "M1", _MOVES),
    Check("undone_periods_are_empty", "M2", _UNDONE),
)
