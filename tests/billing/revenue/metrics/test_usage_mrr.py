"""Usage MRR is the mean invoiced usage of three complete months beyond the commitment, shown beside MRR."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due
from billing.revenue.metrics.frozen_months import total_frozen_rows
from billing.revenue.metrics.reports import read_mrr_report, read_usage
from billing.subscriptions import apply_coupon, generate_periods
from tests.billing.revenue.frozen_months import freeze_metrics
from tests.builders import (
    APR,
    FEB,
    JAN,
    MAR,
    commitment,
    fee,
    make_coupon,
    make_customer,
    make_plan,
    make_seller,
    offer,
    publish,
    rate,
    subscribe,
    use,
)

pytestmark = pytest.mark.django_db

D = Decimal
NOW = datetime(2026, 4, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


def bill(*usage: int, coupon: int = 0, **fields):
    """Invoice the usage of January, February and March, at 1.00 a call."""
    version = publish(make_plan(fees=[fee("10")], offers=[offer("calls", rates=[rate("1")])], **fields))
    subscription = subscribe(make_customer(), version)
    if coupon:
        apply_coupon(
            subscription=subscription, coupon=make_coupon(percent=coupon, duration="periods", periods=9), at=JAN
        )
    for calls, start, end in zip(usage, (JAN, FEB, MAR), (FEB, MAR, APR), strict=True):
        generate_periods(until=start + HOUR)
        use(subscription, "calls", calls, at=start + HOUR)
        close_due(at=end + HOUR)
    generate_periods(until=NOW)


def usage_by_month() -> list[str]:
    report = read_mrr_report(seller=make_seller(), currency="USD", at=NOW)
    return ["" if row.usage is None else f"{row.usage:.2f}" for row in report.months]


def test_it_is_the_mean_of_three_complete_months():
    bill(90, 100, 140)
    assert usage_by_month() == ["", "", "110.00", "110.00"]


def test_a_commitment_is_taken_off_month_by_month():
    bill(90, 150, 190, commitments=[commitment("100")])
    assert usage_by_month()[2:] == ["46.67", "46.67"]


def test_coupons_of_the_invoice_reduce_usage():
    bill(90, 100, 140, coupon=50)
    assert usage_by_month()[2] == "55.00"


def test_it_is_never_added_to_committed_mrr():
    bill(90, 100, 140)
    assert read_mrr_report(seller=make_seller(), currency="USD", at=NOW).last.closing == D(10)


def test_locking_freezes_it():
    bill(90, 100, 140)
    lock = freeze_metrics(date(2026, 3, 1), at=NOW)
    (totals,) = total_frozen_rows(lock)
    assert (totals.net, totals.usage) == (D(10), D(110))
    assert usage_by_month() == ["", "", "110.00", "110.00"]


def test_the_customers_of_a_month_add_up_to_it():
    bill(90, 100, 140)
    for month, number in ((date(2026, 3, 1), 2), (date(2026, 4, 1), 3)):
        page = read_usage(seller=make_seller(), currency="USD", month=month, at=NOW)
        assert f"{page.usage:.2f}" == usage_by_month()[number] == "110.00"
        assert [row.usage for row in page.rows] == [D("110.00")]
        assert page.count == 1
    nothing = read_usage(seller=make_seller(), currency="USD", month=date(2026, 2, 1), at=NOW)
    assert (nothing.rows, nothing.usage, nothing.count) == ([], D(0), 0)
    assert read_usage(seller=make_seller(), currency="EUR", month=date(2026, 3, 1), at=NOW).count == 0


def test_the_customers_of_a_locked_month_are_frozen():
    bill(90, 100, 140)
    freeze_metrics(date(2026, 3, 1), at=NOW)
    page = read_usage(seller=make_seller(), currency="USD", month=date(2026, 3, 1), at=NOW)
    assert [row.usage for row in page.rows] == [page.usage] == [D("110.00")]
    assert read_usage(seller=make_seller(), currency="USD", month=date(2026, 3, 1), at=NOW, offset=1).rows == []
