"""Finance and approvers see the home of finance; the others keep the dashboard."""

import re
from datetime import timedelta
from decimal import Decimal
from unittest import mock

import pytest
from django.core.cache import caches
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.admin import finance_home
from tests.admin.conftest import add_unmatched
from tests.api.invoice_rows import make_invoice
from tests.billing.revenue.book_setup import issue_invoice, line
from tests.builders import make_customer, make_seller

HOME = "/admin/"
MOST_QUERIES = 25


@pytest.fixture
def books(db):
    """Return a seller with an invoice of today and one of two months ago, both open."""
    seller = make_seller(currency="EUR")
    customer, now = make_customer("acme", seller=seller), timezone.now()
    for net, age, currency in [("200", 75, "EUR"), ("90", 0, "EUR"), ("80", 0, "USD")]:
        at = now - timedelta(days=age)
        lines = [line(net, f"{at:%Y-%m-%d}", f"{at + timedelta(days=30):%Y-%m-%d}")]
        issue_invoice(customer, lines, at=f"{at:%Y-%m-%dT%H:%M:%S}", currency=currency)
    return seller


@pytest.mark.parametrize("group", ["finance", "finance approver", "root"])
def test_finance_sees_its_figures_by_currency(member, books, group):
    text = member(group).get(HOME).content.decode()
    cards = dict(re.findall(r'<h2 id="card-\d"><span>(.*?)</span>.*?</h2>(.*?)</section>', text, re.DOTALL))
    assert list(cards) == ["Billed", "Collected", "Open", "Past due"]
    assert re.findall(r'class="amount"[^>]*>(.*?)</a>', cards["Billed"]) == ["€90.00", "$80.00"]
    assert re.findall(r'class="amount"[^>]*>(.*?)</a>', cards["Open"]) == ["€290.00", "$80.00"]
    assert re.findall(r'class="amount"[^>]*>(.*?)</a>', cards["Past due"]) == ["€200.00", "$0.00"]
    for words in ("MRR", "Usage revenue", "Forecast for", "Revenue by month", "Past due by age", "To do"):
        assert words in text, words


@pytest.mark.parametrize("group", ["operations", "support", "engineer"])
def test_other_groups_keep_the_dashboard(member, books, group):
    text = member(group).get(HOME).content.decode()
    assert "Ready to invoice" in text
    for words in ("Forecast for", "Past due by age"):
        assert words not in text, words


def test_every_figure_links_to_its_rows(member, books):
    client = member("finance")
    text = client.get(HOME).content.decode()
    content = text[text.index('class="home"') :]
    links = set(re.findall(r'href="(/admin/[^"]+)"', content))
    assert len(links) > 12
    for link in links:
        assert client.get(link.replace("&amp;", "&")).status_code == 200, link


def test_the_page_runs_at_most_25_queries_however_many_rows_there_are(member, company, books):
    client = member("finance")

    def count_queries():
        caches["memory"].clear()
        with CaptureQueriesContext(connection) as captured:
            assert client.get(HOME).status_code == 200
        return [query["sql"] for query in captured]

    client.get(HOME)  # the first request of a session notes its beginning
    company(2)
    few = count_queries()
    company(8)
    many = count_queries()
    assert len(many) == len(few) <= MOST_QUERIES, "\n".join(many)


def test_one_seller_is_shown_and_the_others_are_a_click_away(member, books):
    other = make_seller("other", legal_name="Other Inc.")
    client = member("finance")
    assert "?seller=other" in client.get(HOME).content.decode()
    text = client.get(f"{HOME}?seller=other").content.decode()
    assert "€90.00" not in text
    assert f"seller__id__exact={other.pk}" in text
    assert client.get(f"{HOME}?seller=nobody").status_code == 404


def test_the_chart_is_of_one_currency(member, books):
    client = member("finance")
    for currency in ("EUR", "USD"):
        answer = client.get(f"{HOME}?currency={currency}")
        assert answer.context["currency"] == currency
        assert currency in answer.context["chart"].summary


def test_tasks_and_health_are_counted(member, books):
    make_invoice(make_customer("draft", seller=books), issue=False)
    answer = member("finance").get(HOME)
    titles = [task.title for task in answer.context["tasks"]]
    assert titles[0].startswith("Lock ")
    assert "Review drafts: 1" in titles
    assert "Call about 1 invoice over 60 days past due" in titles or timezone.now().day < 16
    assert answer.context["health"]["text"] == "All systems normal"
    details = member("finance").get("/admin/billing/period/health/").content.decode()
    assert "Ready to invoice" in details


def test_unmatched_usage_shows_its_worth(member, books):
    add_unmatched()
    tasks = {task.title: task.note for task in member("finance").get(HOME).context["tasks"]}
    assert tasks["Sort unmatched usage: 1"] == "No price covers it yet"
    caches["memory"].clear()
    with mock.patch.object(finance_home, "estimate_unmatched_value") as estimate:
        estimate.return_value.amounts = {"EUR": Decimal("20.60")}
        tasks = {task.title: task.note for task in member("finance").get(HOME).context["tasks"]}
    assert tasks["Sort unmatched usage: 1"] == "No price covers it yet, about €20.60"


def test_an_installation_without_a_seller_says_so(member, db):
    assert "No sellers yet" in member("finance").get(HOME).content.decode()
