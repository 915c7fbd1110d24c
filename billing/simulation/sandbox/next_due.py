"""
Find when work is due next for the customers of test clocks: one query over every source of due work.

Work of a source that is missing here is done late: at the next moment of another source, or at the end of an advance.
"""

from datetime import datetime

from billing.subscriptions.periods.generation import PERIOD_LEAD_TIME
from billing.subscriptions.plan_changes.revocation import SPLIT_LEAD_TIME
from lib import sql

# Each SELECT returns (test clock, moment), for the customers in the CTE `theirs`. Work of _DUE_NOW stays due from its
# moment ('-infinity' = at once) until it is done: counters to check against thresholds, paid purchases, invoices that
# a wallet can pay, top-ups, periods to close, charges, refunds, overdue invoices with their dunning, and
# subscriptions to resume once these are paid. Work of _DUE_LATER is due at a moment that the clock passes once.
_DUE_NOW = """
SELECT c.test_clock_id, '-infinity'::timestamptz FROM theirs c JOIN billing_pendingevaluation l
    ON l.customer_id = c.id
UNION ALL
SELECT c.test_clock_id, '-infinity' FROM theirs c JOIN customers_testclock m ON m.id = c.test_clock_id
JOIN customers_customer k ON k.id = c.id JOIN billing_subscription s ON s.customer_id = c.id
JOIN billing_period p ON p.subscription_id = s.id AND p.state = 'open' AND p.kind = 'regular'
    AND p.starts_at <= m.now AND p.ends_at > m.now
CROSS JOIN LATERAL (
    SELECT coalesce(sum(n.events), 0) AS events FROM billing_counter n WHERE n.period_id = p.id) n
LEFT JOIN billing_thresholdcheck l ON l.period_id = p.id
WHERE n.events <> coalesce(l.events, 0) AND (k.billed_each IS NOT NULL OR EXISTS (
    SELECT FROM plans_billingthreshold t WHERE t.version_id = p.version_id AND t.currency = s.currency))
UNION ALL
SELECT c.test_clock_id, '-infinity' FROM theirs c
JOIN wallets_wallet w ON w.customer_id = c.id AND w.closed_at IS NULL
JOIN wallets_purchase p ON p.wallet_id = w.id AND p.state = 'pending'
JOIN invoices_invoice i ON i.id = p.invoice_id AND i.state IN ('paid', 'void')
UNION ALL
SELECT c.test_clock_id, '-infinity' FROM theirs c
JOIN wallets_wallet w ON w.customer_id = c.id AND w.closed_at IS NULL AND w.pays_invoices AND w.balance > 0
JOIN invoices_invoice i ON i.customer_id = c.id AND i.seller_id = w.seller_id AND i.currency = w.currency
    AND i.kind = 'invoice' AND i.state IN ('issued', 'overdue')
UNION ALL
SELECT c.test_clock_id, coalesce(r.quiet_until, '-infinity') FROM theirs c
JOIN wallets_wallet w ON w.customer_id = c.id AND w.closed_at IS NULL
JOIN wallets_topuprule r ON r.wallet_id = w.id AND r.is_on JOIN plans_creditpack k ON k.id = r.pack_id
WHERE w.balance < coalesce(r.threshold, r.percent * k.units / 100)
    AND NOT EXISTS (SELECT FROM wallets_topup t WHERE t.wallet_id = w.id AND t.state = 'pending')
UNION ALL
SELECT c.test_clock_id, greatest(p.due_at, p.retry_at) FROM theirs c
JOIN billing_subscription s ON s.customer_id = c.id
JOIN billing_period p ON p.subscription_id = s.id AND p.state = 'open'
UNION ALL
SELECT c.test_clock_id, '-infinity' FROM theirs c
JOIN customers_customer k ON k.id = c.id AND k.charges_automatically
JOIN invoices_invoice i ON i.customer_id = c.id AND i.state = 'issued' AND i.kind = 'invoice' AND i.total > 0
WHERE NOT EXISTS (SELECT FROM invoices_paymentattempt a WHERE a.invoice_id = i.id)
    AND EXISTS (SELECT FROM invoices_paymentmethod m JOIN invoices_payeraccount a ON a.id = m.account_id
        WHERE a.customer_id = c.id AND a.seller_id = i.seller_id AND m.is_default)
UNION ALL
SELECT c.test_clock_id, a.next_at FROM theirs c
JOIN invoices_invoice i ON i.customer_id = c.id
JOIN invoices_paymentattempt a ON a.invoice_id = i.id AND a.state = 'pending'
UNION ALL
SELECT c.test_clock_id, r.next_at FROM theirs c
JOIN invoices_refund r ON r.customer_id = c.id AND r.state = 'pending'
UNION ALL
SELECT c.test_clock_id, (i.due_date + 1)::timestamp AT TIME ZONE e.time_zone FROM theirs c
JOIN invoices_invoice i ON i.customer_id = c.id AND i.state = 'issued' AND i.kind = 'invoice'
    AND i.total > i.credited + i.paid - i.returned
JOIN customers_seller e ON e.id = i.seller_id
UNION ALL
SELECT c.test_clock_id,
    greatest(i.due_date + d.days, k.dunning_hold_until)::timestamp AT TIME ZONE e.time_zone FROM theirs c
JOIN customers_customer k ON k.id = c.id
JOIN invoices_invoice i ON i.customer_id = c.id AND i.state = 'overdue' AND i.total > i.credited + i.paid - i.returned
JOIN customers_seller e ON e.id = i.seller_id
JOIN invoices_dunningstep d ON d.seller_id = i.seller_id
WHERE NOT EXISTS (SELECT FROM invoices_dunningact t
    WHERE t.invoice_id = i.id AND t.days = d.days AND t.action = d.action)
UNION ALL
SELECT c.test_clock_id, '-infinity' FROM theirs c JOIN billing_subscription s ON s.customer_id = c.id
JOIN billing_dunnedsubscription d ON d.subscription_id = s.id AND d.resumed_at IS NULL AND d.outcome = ''
JOIN invoices_dunningact t ON t.id = d.act_id AND t.action = 'pause'
WHERE NOT EXISTS (
    SELECT FROM invoices_invoice i WHERE i.customer_id = c.id AND i.state IN ('overdue', 'uncollectible'))
"""

# Every kind of due work in one statement, so that a clock finds its next step by one round trip. A new kind of due
# work is added here, or the clock advances past it.
_DUE_LATER = """
SELECT c.test_clock_id, last.ends_at - %(ahead)s + interval '1 microsecond' FROM theirs c
JOIN billing_subscription s ON s.customer_id = c.id AND s.state IN ('trialing', 'active', 'paused', 'canceled')
JOIN LATERAL (SELECT max(p.ends_at) AS ends_at FROM billing_period p WHERE p.subscription_id = s.id) last ON true
WHERE s.ends_at IS NULL OR s.ends_at > last.ends_at
UNION ALL
SELECT c.test_clock_id, either.at FROM theirs c JOIN billing_subscription s ON s.customer_id = c.id
JOIN billing_pause z ON z.subscription_id = s.id AND z.state IN ('to_come', 'running')
CROSS JOIN LATERAL (
    VALUES (z.starts_at), (z.ends_at - %(ahead)s + interval '1 microsecond'), (z.ends_at)) AS either(at)
UNION ALL
SELECT c.test_clock_id, s.trial_ends_at FROM theirs c
JOIN billing_subscription s ON s.customer_id = c.id AND s.state = 'trialing'
UNION ALL
SELECT c.test_clock_id, s.ends_at FROM theirs c
JOIN billing_subscription s ON s.customer_id = c.id AND s.state NOT IN ('draft', 'ended')
UNION ALL
SELECT c.test_clock_id, g.next_at - %(ahead)s FROM theirs c
JOIN billing_subscription s ON s.customer_id = c.id JOIN billing_periodgrant g ON g.subscription_id = s.id
UNION ALL
SELECT c.test_clock_id, either.at FROM theirs c JOIN billing_subscription s ON s.customer_id = c.id
JOIN billing_scheduledchange m ON m.subscription_id = s.id AND m.state = 'pending'
CROSS JOIN LATERAL (VALUES (m.moment - %(beforehand)s), (m.moment)) AS either(at)
UNION ALL
SELECT c.test_clock_id, greatest(p.late_since + e.grace, p.retry_at) FROM theirs c
JOIN billing_subscription s ON s.customer_id = c.id JOIN customers_seller e ON e.id = s.seller_id
JOIN billing_period p ON p.subscription_id = s.id AND p.late_since IS NOT NULL
UNION ALL
SELECT c.test_clock_id, either.at FROM theirs c
JOIN wallets_wallet w ON w.customer_id = c.id AND w.closed_at IS NULL JOIN customers_seller e ON e.id = w.seller_id
JOIN wallets_lot l ON l.wallet_id = w.id AND l.has_left
CROSS JOIN LATERAL (VALUES (l.valid_from), (l.expires_at), (l.expires_at + e.grace)) AS either(at)
UNION ALL
SELECT c.test_clock_id,
    (date_trunc('month', first.at AT TIME ZONE k.time_zone) + interval '1 month') AT TIME ZONE k.time_zone
FROM theirs c JOIN customers_customer k ON k.id = c.id JOIN wallets_wallet w ON w.customer_id = c.id
JOIN (SELECT DISTINCT wallet_id, tax_point FROM wallets_lot WHERE tax_point <> 'sold') v ON v.wallet_id = w.id
CROSS JOIN LATERAL (SELECT coalesce(max(u.last_place), 0) AS place FROM billing_voucherusage u
    WHERE u.wallet_id = w.id AND u.tax_point = v.tax_point) taxed
CROSS JOIN LATERAL (SELECT t.at FROM wallets_entry e JOIN wallets_transaction t ON t.id = e.transaction_id
    JOIN wallets_lot l ON l.id = e.lot_id WHERE e.wallet_id = w.id AND e.place > taxed.place
        AND l.tax_point = v.tax_point AND t.kind IN ('spend', 'give_back', 'repay') ORDER BY e.place LIMIT 1) first
UNION ALL
SELECT c.test_clock_id, l.expires_at - make_interval(days => d.days) FROM theirs c
JOIN wallets_wallet w ON w.customer_id = c.id AND w.closed_at IS NULL
JOIN wallets_lot l ON l.wallet_id = w.id AND l.has_left AND l.expires_at IS NOT NULL
CROSS JOIN (
    SELECT DISTINCT unnest(levels) AS days FROM billing_alertrule WHERE kind = 'expiring' AND removed_at IS NULL) d
UNION ALL
SELECT c.test_clock_id, h.until FROM theirs c JOIN wallets_hold h ON h.customer_id = c.id AND h.state = 'open'
UNION ALL
SELECT c.test_clock_id, r.until FROM theirs c JOIN billing_reservation r ON r.customer_id = c.id AND r.state = 'open'
"""

_NEXT = f"""
WITH theirs AS (SELECT id, test_clock_id FROM customers_customer WHERE test_clock_id = %(clock)s)
SELECT min(moment) FROM ({_DUE_NOW} UNION ALL {_DUE_LATER}) AS due(clock, moment) WHERE moment > %(after)s
"""  # noqa: S608

_CLOCKS_WITH_DUE_WORK = f"""
WITH theirs AS (SELECT c.id, c.test_clock_id FROM customers_customer c JOIN customers_testclock t
    ON t.id = c.test_clock_id AND (t.id = %(clock)s OR (%(clock)s::bigint IS NULL AND t.target IS NULL)))
SELECT DISTINCT t.id FROM ({_DUE_NOW}) AS due(clock, moment)
JOIN customers_testclock t ON t.id = due.clock AND due.moment <= t.now ORDER BY 1
"""  # noqa: S608


def next_due_at(clock: int, *, after: datetime) -> datetime | None:
    """
    Return the first moment after `after` at which work is due for a clock's customers; None if no work is scheduled.
    """
    lead_times = {"ahead": PERIOD_LEAD_TIME, "beforehand": SPLIT_LEAD_TIME}
    due_at: datetime | None
    (due_at,) = sql.fetch_column(_NEXT, {"clock": clock, "after": after, **lead_times})
    return due_at


def clocks_with_due_work() -> list[int]:
    """Return the ids of idle clocks whose customers have work due by now."""
    return sql.fetch_column(_CLOCKS_WITH_DUE_WORK, {"clock": None})


def has_due_work(clock: int) -> bool:
    """Return whether a clock's customers have work due at the time that the clock shows."""
    return bool(sql.fetch_column(_CLOCKS_WITH_DUE_WORK, {"clock": clock}))
