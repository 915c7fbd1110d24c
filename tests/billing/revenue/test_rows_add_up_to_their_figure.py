"""The rows behind a figure of a report add up to it: docs/revenue-reports.md."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from billing.models import OpeningBalance
from billing.revenue.reports import margin, receivable_ages
from billing.revenue.reports.filters import UnknownFilter
from billing.revenue.reports.income import DIMENSIONS
from billing.revenue.reports.margin import read_costs
from billing.revenue.reports.obligations import read_open_commitments
from billing.revenue.reports.posting_rows import read_posting_rows
from billing.revenue.reports.receivable_ages import read_open_invoices
from billing.revenue.reports.recorded_amounts import read_records
from billing.revenue.reports.registry import REPORTS, read_report
from billing.revenue.reports.schedule import read_schedule_rows
from billing.revenue.reports.table import Measure, RowList
from lib.money import round_money
from plans.models import PlanFeature
from tests.billing.metering.ingest.ingest_setup import (
    NOW,
    call,
    calls,
    make_metered_subscription,
    request,
    send,
    tokens,
)
from tests.billing.revenue.book_setup import issue_invoice, line, moment
from tests.builders import make_cost, make_seller

pytestmark = pytest.mark.django_db
D = Decimal
AT = moment("2026-04-10")
READERS = {
    RowList.POSTINGS: read_posting_rows,
    RowList.SCHEDULE: read_schedule_rows,
    RowList.INVOICES: read_open_invoices,
    RowList.COSTS: read_costs,
    RowList.RECORDS: read_records,
    RowList.COMMITMENTS: read_open_commitments,
}


def linked_figures(report):
    """Yield (row, column, value) for each amount above or below zero."""
    for row in report.rows:
        for column in report.columns:
            value = row.values.get(column.code)
            if isinstance(value, Decimal) and value and column.measure is Measure.AMOUNT:
                yield row, column, value


@pytest.mark.parametrize(
    ("code", "options"),
    [(code, {}) for code in REPORTS]
    + [("income", {"by": by}) for by in DIMENSIONS]
    + [("margin", {"by": by}) for by in REPORTS["margin"].divisions],
    ids=str,
)
def test_every_figure_has_rows_that_add_up_to_it(seller, code, options):
    if REPORTS[code].takes_months:
        options = options | {"since": date(2026, 2, 1), "until": date(2026, 4, 1)}
    report = read_report(code, seller, currency="EUR", at=AT, **options)
    figures = list(linked_figures(report))
    assert figures or code in ("prepaid", "tax", "margin", "revenue-retention"), "the books have nothing to show"
    for row, column, value in figures:
        place = (code, row.values[report.columns[0].code], column.code)
        if place == ("obligations", "Total", "amount"):  # adds up the rows above it
            continue
        assert column.code in row.filters, place
        filters = dict(row.filters[column.code])
        rows = READERS[RowList(filters.pop("list", column.rows))](seller, currency="EUR", filters=filters, at=AT)
        assert round_money(rows.total, "EUR") == value, place


@pytest.mark.parametrize("by", REPORTS["margin"].divisions)
def test_costs_add_up_to_the_margin(by):
    subscription = make_metered_subscription()
    make_cost(tokens().meter, "0.001")
    make_cost(tokens().meter, "0.003", match={"type": "output"})
    make_cost(calls().meter, "0.0001")
    send(call("1"), request("2", 333, 1_001))
    options = {"currency": "USD", "at": NOW + timedelta(days=1)}
    report = read_report("margin", subscription.seller, by=by, **options)
    assert report.rows[-1].values["cost"] == D("3.34")
    for row in report.rows:
        costs = read_costs(subscription.seller, filters=row.filters["cost"], **options)
        assert round_money(costs.total, "USD") == row.values["cost"]
        assert sum(cost.amount for cost in costs.rows) == costs.total


def test_customers_of_other_pages_have_their_invoices(seller, monkeypatch):
    monkeypatch.setattr(receivable_ages, "MOST_ROWS", 1)
    for page in (1, 2):
        *_shown, other, _total = read_report("aging", seller, currency="EUR", at=AT, page=page).rows
        figures = list(linked_figures(read_report("aging", seller, currency="EUR", at=AT, page=page)))
        assert other.values["total"]
        for row, column, value in figures:
            rows = read_open_invoices(seller, currency="EUR", filters=row.filters[column.code], at=AT)
            assert rows.total == value, (page, column.code)


@pytest.mark.parametrize("by", ["feature", "plan"])
def test_usage_of_other_pages_has_its_rows(monkeypatch, by):
    monkeypatch.setattr(margin, "MOST_ROWS", 1)
    subscription = make_metered_subscription()
    for meter in (tokens().meter, calls().meter):
        make_cost(meter, "0.5")
    send(call("1"), request("2", 333, 1_001))
    options = {"currency": "USD", "at": NOW + timedelta(days=1)}
    for page in (1, 2) if by == "feature" else (1,):
        rows = read_report("margin", subscription.seller, by=by, page=page, **options).rows
        assert len(rows) == (3 if by == "feature" else 2)
        for row in rows:
            costs = read_costs(subscription.seller, filters=row.filters["cost"], **options)
            assert round_money(costs.total, "USD") == row.values["cost"], row.values["name"]
            revenue = read_posting_rows(subscription.seller, filters=row.filters["revenue"], **options)
            assert revenue.total == row.values["revenue"]


def test_income_of_other_usage_leaves_out_the_features_of_the_page():
    subscription = make_metered_subscription()
    offers = PlanFeature.objects.order_by("pk")
    features = [offer.feature_id for offer in offers]
    for offer, net in zip(offers, ("70.00", "30.00"), strict=True):
        usage = line(net, "2026-02-01", "2026-03-01", kind="usage", plan_feature_id=offer.pk)
        issue_invoice(subscription.customer, [usage], at="2026-03-01")
    figures = {"currency": "EUR", "at": AT}
    others = {"usage_other_than": f"feature:{features[0]}"}
    assert read_posting_rows(subscription.seller, filters={"usage": ""}, **figures).total == D("100.00")
    assert read_posting_rows(subscription.seller, filters=others, **figures).total == D("30.00")


def test_deferred_opening_balances_are_earned_later(seller):
    OpeningBalance.objects.create(
        seller=seller, month=date(2026, 1, 1), currency="GBP", role="deferred", amount=D("-70.00")
    )
    later = read_schedule_rows(seller, currency="GBP", filters={"earned": "later"}, at=AT)
    assert [(row.source, row.amount) for row in later.rows] == [("opening", D("70.00"))]
    assert read_schedule_rows(seller, currency="GBP", filters={"earned": "year"}, at=AT).count == 0


@pytest.mark.parametrize(
    ("read", "filters", "field"),
    [
        (read_schedule_rows, {"earned": "2030-01"}, "earned"),
        (read_schedule_rows, {"month": "2026-01"}, "month"),
        (read_open_invoices, {"bucket": "old"}, "bucket"),
        (read_open_invoices, {"customer": "x"}, "customer"),
        (read_open_invoices, {"other_than": "1,x"}, "other_than"),
        (read_costs, {"usage": "country:DE"}, "usage"),
        (read_costs, {"usage_other_than": "country:DE"}, "usage_other_than"),
        (read_posting_rows, {"usage_other_than": "color:red"}, "usage_other_than"),
        (read_costs, {"until": "May"}, "until"),
        (read_posting_rows, {"rate": "x"}, "rate"),
        (read_posting_rows, {"waterfall": "x"}, "waterfall"),
        (read_posting_rows, {"movement": "tax:x"}, "movement"),
    ],
)
def test_an_unknown_filter_is_named(db, read, filters, field):
    with pytest.raises(UnknownFilter) as refusal:
        read(make_seller(), currency="EUR", filters=filters, at=AT)
    assert refusal.value.field == field
