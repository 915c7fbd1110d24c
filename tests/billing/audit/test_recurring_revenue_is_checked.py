"""The audit finds frozen recurring revenue that was changed."""

from datetime import UTC, date, datetime

import pytest
from django.db import connection

from billing.audit import audit
from billing.revenue.metrics.frozen_months import ROW_DIGEST
from billing.subscriptions import generate_periods
from tests.billing.revenue.frozen_months import freeze_metrics
from tests.builders import MAR, fee, make_customer, make_plan, make_seller, publish, subscribe
from tests.clean_books import assert_clean
from tests.owner_rights import past_triggers

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 10, tzinfo=UTC)
CHANGES = [
    "net = net - 1",
    "gross = gross + 1",
    "usage = 5",
    "opening = 0",
    "gross_opening = gross_opening + 1",
    "currency = 'EUR'",
    "month = '2026-01-01'",
    "digest = '00000000-0000-0000-0000-000000000000'",
]


@pytest.fixture
def frozen(db):
    customer = make_customer()
    subscribe(customer, publish(make_plan(fees=[fee("10")])))
    generate_periods(until=MAR)
    for month in (date(2026, 1, 1), date(2026, 2, 1)):
        freeze_metrics(month, at=NOW)


def test_sound_figures_are_clean(frozen):
    assert_clean("revenue")


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_row_is_found(frozen, change):
    with past_triggers(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE billing_recurringrevenue SET {change} WHERE month = '2026-02-01'")  # noqa: S608
    (finding,) = audit(only=["frozen_recurring_revenue_has_not_changed"])
    assert [row["customer_id"] for row in finding.rows]


@pytest.mark.parametrize("change", ["opening = opening - 1", "gross_opening = gross_opening + 1"])
def test_a_month_that_begins_with_other_figures_than_the_one_before_ended_with_is_found(frozen, change):
    with past_triggers(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE billing_recurringrevenue SET {change} WHERE month = '2026-02-01'")  # noqa: S608
        cursor.execute(f"UPDATE billing_recurringrevenue SET digest = {ROW_DIGEST.format('')}")  # noqa: S608
    (unchanged,) = audit(only=["frozen_recurring_revenue_has_not_changed"])
    assert not unchanged.rows
    (finding,) = audit(only=["frozen_recurring_revenue_continues_the_month_before"])
    assert [row["net"] for row in finding.rows] == [10]


def test_a_customer_who_is_missing_in_the_next_month_is_found(frozen):
    with past_triggers(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM billing_recurringrevenue WHERE month = '2026-02-01'")
    (finding,) = audit(only=["frozen_recurring_revenue_continues_the_month_before"])
    assert [row["opening"] for row in finding.rows] == [None]


def test_books_without_subscriptions_are_clean(db):
    make_seller()
    assert_clean("revenue")
