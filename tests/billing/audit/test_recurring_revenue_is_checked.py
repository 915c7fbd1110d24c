"""The audit finds frozen recurring revenue that was changed."""

from datetime import UTC, date, datetime

import pytest
from django.db import connection

from billing.audit import audit
from billing.revenue.metrics.frozen_months import freeze_recurring_revenue
from billing.subscriptions import generate_periods
from invoices.documents.locked_months import lock_month
from tests.builders import MAR, fee, make_customer, make_plan, make_seller, publish, subscribe
from tests.clean_books import assert_clean

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 10, tzinfo=UTC)
CHANGES = [
    "net = net - 1",
    "gross = gross + 1",
    "usage = 5",
    "currency = 'EUR'",
    "month = '2026-02-01'",
    "digest = '00000000-0000-0000-0000-000000000000'",
]


@pytest.fixture
def frozen(db):
    customer = make_customer()
    subscribe(customer, publish(make_plan(fees=[fee("10")])))
    generate_periods(until=MAR)
    lock = lock_month(seller=make_seller(), month=date(2026, 1, 1), checklist=[], note="", by=None, at=NOW)
    freeze_recurring_revenue(lock=lock)


def test_sound_figures_are_clean(frozen):
    assert_clean("revenue")


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_row_is_found(frozen, change):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(f"UPDATE billing_recurringrevenue SET {change}")  # noqa: S608
    (finding,) = audit(only=["frozen_recurring_revenue_has_not_changed"])
    assert [row["customer_id"] for row in finding.rows]


def test_books_without_subscriptions_are_clean(db):
    make_seller()
    assert_clean("revenue")
