"""MRR with its movements, retention and cohorts of many customers, compared with one GROUP BY over their balances."""

import time
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from benchmarks import sample_books, scratch_server
from benchmarks.measurement import Outcome, Report, compare
from billing.revenue.metrics.frozen_months import freeze_recurring_revenue
from billing.revenue.metrics.months import month_range
from billing.revenue.metrics.reports import read_mrr_report
from invoices.models import MonthLock
from lib import sql
from plans.models import Fee, Plan, PlanVersion

MONTHS = 24
FIRST, NOW = date(2025, 1, 1), datetime(2027, 1, 1, tzinfo=UTC)
_LAST_LOCKED = date(2026, 11, 1)

# A tenth starts in the second year, one in twenty ends, one in twenty changes its plan, one in fifty pauses for a
# month; a tenth changes its seats, and one in fifty has a coupon without an end.
_SUBSCRIPTIONS = """
INSERT INTO billing_subscription (external_id, sandbox, customer_id, seller_id, version_id, currency, state, named,
    starts_at, anchor_at, drafted, created_at, settles)
SELECT 's' || c.id, false, c.id, c.seller_id, %(small)s, 'USD', 'active', false, %(first)s, %(first)s, '{}', now(), ''
FROM customers_customer c
"""
_PERIODS = """
INSERT INTO billing_period (subscription_id, version_id, kind, state, revision, starts_at, ends_at, due_at, error,
    attempts, is_trial, settles)
SELECT s.id, CASE WHEN s.id %% 20 = 3 AND m >= s.id %% 24 THEN %(large)s ELSE %(small)s END, 'regular', 'open', 1,
    began, began + interval '1 month', began + interval '1 month', '', 0, false, ''
FROM generate_series(0, %(months)s - 1) m, billing_subscription s,
    LATERAL (SELECT %(first)s::timestamptz + make_interval(months => m) AS began) p
WHERE NOT (s.id %% 10 = 1 AND m < 12 + s.id %% 12) AND NOT (s.id %% 20 = 2 AND m > s.id %% 24)
    AND NOT (s.id %% 50 = 4 AND m = s.id %% 24)
ORDER BY m, s.id
"""
_PAUSES = """
INSERT INTO billing_pause (subscription_id, starts_at, ends_at, state, settles, reason, created_at)
SELECT s.id, began, began + interval '1 month', 'over', 'balance', '', now()
FROM billing_subscription s,
    LATERAL (SELECT %(first)s::timestamptz + make_interval(months => (s.id %% 24)::int) AS began) p
WHERE s.id %% 50 = 4
"""
_QUANTITIES = """
INSERT INTO billing_subscriptionquantity (subscription_id, fee_code, quantity, since, reason, recorded_at)
SELECT id, 'seats', n, %(first)s::timestamptz + make_interval(months => (id %% 20)::int + n), '', now()
FROM billing_subscription, generate_series(1, 3) n WHERE id %% 10 = 5
"""
_COUPONS = """
WITH coupon AS (
    INSERT INTO plans_coupon (code, name, percent, currency, duration, features, fees, plans, period_months,
        carries_over, redeemed, created_at)
    VALUES ('TEN', 'Ten', 10, '', 'forever', '{}', '{}', '{}', 1, false, 0, now()) RETURNING id
)
INSERT INTO billing_redemption (subscription_id, coupon_id, position, since, time_zone, ended_reason, created_at)
SELECT s.id, coupon.id, 1, %(first)s, '', '', now() FROM billing_subscription s, coupon WHERE s.id %% 50 = 6
"""
_BALANCES = """
CREATE TABLE balance AS
SELECT s.customer_id, s.currency, p.starts_at::date AS month, (20 + s.id %% 100 / 3.0)::numeric(38, 20) AS net
FROM billing_period p JOIN billing_subscription s ON s.id = p.subscription_id ORDER BY p.id
"""


def run(*, subscriptions: int, rounds: int, report: Report) -> list[Outcome]:
    """
    Measure the report over 24 months with open months, and with all but the last one locked, against the sum of
    month-end balances by month.
    """
    with scratch_server.database():
        report(f"storing 24 periods of each of {subscriptions:,} subscriptions …")
        _store(subscriptions)
        facts: dict[str, Any] = {
            "unit": "ms",
            "more_is_better": False,
            "rounds": rounds,
            "report": report,
            "goal": 3.0,
        }
        facts["against"] = "one GROUP BY currency, month over as many month-end balances"
        measured = f"MRR, movements, NRR and cohorts of {subscriptions:,} customers over {MONTHS} months, {{}}"
        live = compare(_read, _group, name="metrics, open months", measured=measured.format("open"), **facts)
        report("locking 23 months …")
        _lock()
        locked = compare(_read, _group, name="metrics, locked months", measured=measured.format("locked"), **facts)
        return [live, locked]


def _store(count: int) -> None:
    seller = sample_books.seller()
    versions = [_version(code, amount) for code, amount in (("small", 20), ("large", 90))]
    sql.execute("ALTER TABLE billing_period DROP CONSTRAINT periods_of_a_subscription_never_overlap")
    sql.execute("SET session_replication_role = replica")
    sample_books.add_customers(seller, count)
    parameters = {"small": versions[0].pk, "large": versions[1].pk, "first": FIRST, "months": MONTHS}
    for statement in (_SUBSCRIPTIONS, _PERIODS, _PAUSES, _QUANTITIES, _COUPONS, _BALANCES):
        sql.execute(statement, parameters)
    sql.execute("SET session_replication_role = origin")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _version(code: str, amount: int) -> PlanVersion:
    version = PlanVersion.objects.create(plan=Plan.objects.create(code=code, name=code), number=1)
    Fee.objects.create(version=version, currency="USD", amount=Decimal(amount))
    Fee.objects.create(version=version, currency="USD", amount=Decimal(10), code="seats", label="Seats", basis="seat")
    sample_books.release(version, NOW)
    return version


def _lock() -> None:
    seller = sample_books.seller()
    for month, ends_at in month_range(seller, _LAST_LOCKED, count=MONTHS - 1):
        lock = MonthLock.objects.create(seller=seller, month=month, locked_at=NOW, ends_at=ends_at)
        freeze_recurring_revenue(lock=lock)
        lock.frozen_at, lock.postings, lock.digest = NOW, 0, 0
        lock.save(update_fields=["frozen_at", "postings", "digest"])
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE billing_recurringrevenue")


def _read() -> float:
    started = time.perf_counter()
    report = read_mrr_report(seller=sample_books.seller(), currency="USD", at=NOW, count=MONTHS)
    seconds = time.perf_counter() - started
    assert len(report.months) == MONTHS and report.last.closing > 0  # noqa: PT018, S101  the report is not empty
    return seconds * 1e3


def _group() -> float:
    started = time.perf_counter()
    sql.fetch_rows("SELECT currency, month, count(*), sum(net) FROM balance GROUP BY 1, 2 ORDER BY 1, 2")
    return (time.perf_counter() - started) * 1e3
