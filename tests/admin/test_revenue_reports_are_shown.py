"""Finance reads revenue reports in the admin, and every figure leads to its rows."""

import html
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from billing.revenue.reports.registry import CONVERTIBLE, REPORTS
from customers.exchange_rates.ecb_file import PublishedRate
from customers.exchange_rates.stored_rates import import_rates
from tests.billing.revenue.book_setup import issue_invoice, line
from tests.billing.revenue.frozen_months import JANUARY, freeze
from tests.builders import make_customer

pytestmark = pytest.mark.django_db


@pytest.fixture
def seller():
    """Return a seller with a year's invoice that was issued two months ago."""
    start = (timezone.now() - timedelta(days=62)).date()
    customer = make_customer()
    end = start.replace(year=start.year + 1)
    issue_invoice(customer, [line("365.00", str(start), str(end))], at=str(start))
    return customer.seller


@pytest.mark.parametrize("code", REPORTS)
def test_each_report_is_a_page_and_a_file(member, seller, code):
    client = member("finance")
    page = client.get(reverse("admin:revenue_report", args=[code]))
    assert page.status_code == 200
    assert "EUR" in page.content.decode()
    for file_format in ("csv", "xlsx"):
        file = client.get(reverse("admin:revenue_report_file", args=[code, file_format]))
        assert file.status_code == 200
        assert file["Content-Disposition"].endswith(f'.{file_format}"')


@pytest.mark.parametrize(
    "code",
    [
        "income",
        "waterfall",
        "deferred",
        "receivables",
        "aging",
        "margin",
        "losses",
        "trial-balance",
        "reconciliation",
    ],
)
def test_every_link_of_a_figure_opens_its_rows(member, seller, code):
    client = member("finance")
    page = client.get(reverse("admin:revenue_report", args=[code])).content.decode()
    links = {html.unescape(link) for link in re.findall(r'href="([^"]*posting/rows/[^"]*)"', page)}
    assert links or code in ("margin", "losses")
    for link in links:
        rows = client.get(link)
        assert rows.status_code == 200, link
        assert "No rows." not in rows.content.decode(), link


def test_the_rows_of_a_figure_add_up_to_it(member, seller):
    client = member("finance")
    page = client.get(reverse("admin:revenue_report", args=["deferred"])).content.decode()
    figures = re.findall(r'href="([^"]*posting/rows/[^"]*)">([^<]+)</a>', page)
    for link, text in figures:
        rows = client.get(html.unescape(link)).content.decode()
        assert text.strip("-−") in rows, (link, text)


def test_the_waterfall_adds_up_and_is_reconciled(member, seller):
    page = member("finance").get(reverse("admin:revenue_report", args=["waterfall"])).content.decode()
    total_rows = re.findall(r'<tr class="sum"><th scope="row">([^<]*)</th>', page)
    assert [name.strip() for name in total_rows] == ["Fees and usage", "Income"]
    assert "Later" in page
    assert page.count('<span class="material-symbols-outlined" aria-hidden="true">check</span>') == 3


def test_aging_names_the_locked_months(member, seller):
    freeze(seller, [], month=JANUARY)
    page = member("finance").get(reverse("admin:revenue_report", args=["aging"])).content.decode()
    assert "January 2026 and earlier are locked" in page
    assert "No month is locked yet." not in page


@pytest.mark.parametrize("group", ["support", "engineer", "operations"])
def test_others_see_no_revenue(member, seller, group):
    assert member(group).get(reverse("admin:revenue_report", args=["income"])).status_code == 403


def test_an_unknown_filter_is_named(member, seller):
    page = member("finance").get(reverse("admin:revenue_rows"), {"month": "May"})
    assert page.status_code == 400


@pytest.mark.parametrize("code", CONVERTIBLE)
def test_a_report_in_one_currency_is_a_page_a_file_and_rows(member, seller, code):
    day = (timezone.now() - timedelta(days=70)).date()
    import_rates([PublishedRate(day, "USD", Decimal("1.1"))], at=timezone.now())
    client = member("finance")
    page = client.get(reverse("admin:revenue_report", args=[code]), {"in": "USD"}).content.decode()
    assert f"in {seller.currency}, converted" in page
    file = client.get(reverse("admin:revenue_report_file", args=[code, "csv"]), {"in": "USD"})
    assert "-in-USD-" in file["Content-Disposition"]
    links = {html.unescape(link) for link in re.findall(r'href="([^"]*posting/rows/[^"]*)"', page)}
    for link in links:
        rows = client.get(link)
        assert rows.status_code == 200, link
        assert "No rows." not in rows.content.decode(), link


def test_a_page_names_the_rate_that_is_missing(member, seller):
    page = member("finance").get(reverse("admin:revenue_report", args=["income"]), {"in": "USD"}).content.decode()
    assert "There is no rate of USD on or before" in page
