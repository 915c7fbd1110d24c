"""The MRR page: figures, movements with links to their rows, cohorts, CSV; and who may see it."""

import html
import re
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO

import pytest
import time_machine
from openpyxl import load_workbook

from billing.subscriptions import apply_coupon, generate_periods, set_quantity
from customers.api_keys import keys
from customers.models import ApiKey
from tests.billing.revenue.frozen_months import freeze_metrics
from tests.builders import FEB, JAN, fee, make_coupon, make_customer, make_plan, make_seller, publish, subscribe

HERE = "/admin/customers/seller/revenue/mrr/"
MOVEMENTS = f"{HERE}movements/"
CUSTOMERS = f"{HERE}customers/"
NOW = datetime(2027, 2, 11, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def noon():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def books(db):
    version = publish(
        make_plan(
            fees=[
                fee("100"),
                fee("10", label="Seats", basis="seat"),
                fee("9", currency="EUR"),
                fee("1", label="Seats", basis="seat", currency="EUR"),
            ]
        )
    )
    grows = subscribe(make_customer("grows", legal_name="Growing Ltd"), version)
    apply_coupon(subscription=grows, coupon=make_coupon(percent=10, duration="forever"), at=JAN)
    subscribe(make_customer("late", legal_name="Late Ltd"), version, starts_at=FEB)
    subscribe(make_customer("euro"), version, currency="EUR")
    generate_periods(until=FEB)
    set_quantity(subscription=grows, fee_code="seats", quantity=5, at=FEB)
    generate_periods(until=NOW)
    freeze_metrics(JAN.date(), at=NOW)


def text_of(answer) -> str:
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_the_page_shows_the_figures_with_their_computation(books, member):
    text = text_of(member("finance").get(HERE))
    for figure in ("$235.00", "$2,820.00", "$117.50", "2 paying customers"):
        assert figure in text
    assert "NRR, 12 months</dt><dd>" in text
    assert "100.0%" in text
    assert "MRR now ÷ MRR 12 months ago, same 2 customers: $235.00 ÷ $235.00" in text
    assert "As of 11 Feb 2027, 09:00" in text
    assert "Remaining performance obligation</dt><dd>" in text


def test_each_movement_links_to_its_rows(books, member):
    client = member("finance approver")
    text = text_of(client.get(HERE, {"until": "2026-03"}))
    link = f"{MOVEMENTS}?seller=acme&amp;currency=USD&amp;month=2026-02&amp;kind=expansion"
    assert f'<a href="{link}">45.00</a>' in text
    assert 'aria-label="locked"' in text
    rows = text_of(client.get(MOVEMENTS, {"seller": "acme", "currency": "USD", "month": "2026-02"}))
    assert "Growing Ltd" in rows
    assert "Late Ltd" in rows
    assert "Late Ltd" not in text_of(client.get(MOVEMENTS, {"month": "2026-02", "kind": "expansion"}))


def test_months_and_movements_are_downloaded_as_csv(books, member):
    client = member("finance")
    lines = b"".join(client.get(HERE, {"format": "csv", "until": "2026-02"}).streaming_content).decode().splitlines()
    assert lines[0].startswith("seller,month,locked,currency,opening,new,expansion")
    assert lines[1:] == [
        "acme,2026-01,TRUE,USD,0,90,0,0,0,0,90,100,0,1,1,0,2027-02-11T09:00:00+00:00",
        "acme,2026-02,FALSE,USD,90,100,45,0,0,0,235,250,,2,1,0,2027-02-11T09:00:00+00:00",
    ]
    rows = b"".join(client.get(MOVEMENTS, {"format": "csv", "month": "2026-02"}).streaming_content).decode()
    assert "acme,2026-02,USD,grows,Growing Ltd,expansion,90,45,135" in rows


def test_the_customers_of_a_figure_add_up_to_it(books, member):
    client = member("finance")
    page = text_of(client.get(HERE, {"until": "2026-03"}))
    links = set(re.findall(r'href="([^"]*/mrr/customers/[^"]*)"', page))
    assert links
    for link in links:
        assert client.get(html.unescape(link)).status_code == 200
    march = {"seller": "acme", "currency": "USD", "month": "2026-03"}
    everyone = client.get(CUSTOMERS, march).context["balances"]
    assert everyone.net == sum(row.net for row in everyone.rows) == Decimal("235.00")
    assert everyone.gross == sum(row.gross for row in everyone.rows) == Decimal("250.00")
    cohort = client.get(CUSTOMERS, march | {"cohort": "2026-01"}).context["balances"]
    assert [(row.name, row.net) for row in cohort.rows] == [("Growing Ltd", Decimal("135.00"))]
    later = client.get(CUSTOMERS, march | {"month": "2027-02", "of": "retention"}).context["balances"]
    assert (later.then, later.net) == (Decimal("235.00"), Decimal("235.00"))


def test_tables_are_downloaded_as_workbooks_with_numbers(books, member):
    client = member("finance")
    queries = [
        (HERE, {"format": "xlsx", "until": "2026-02"}, "K2", 90),
        (HERE, {"format": "xlsx", "table": "cohorts", "until": "2026-02"}, "F2", 90),
        (MOVEMENTS, {"format": "xlsx", "month": "2026-02", "kind": "expansion"}, "H2", 45),
        (CUSTOMERS, {"format": "xlsx", "month": "2026-02"}, "G2", 135),
    ]
    for address, query, place, amount in queries:
        file = client.get(address, query)
        assert file["Content-Disposition"].endswith('.xlsx"')
        assert load_workbook(BytesIO(file.content)).active[place].value == amount, (address, query)
    assert client.get(HERE, {"format": "pdf"}).status_code == 404


def test_another_currency_and_cohorts_of_customers_are_shown(books, member):
    client = member("finance")
    assert "€9.00" in text_of(client.get(HERE, {"seller": "acme", "currency": "EUR"}))
    assert "100%" in text_of(client.get(HERE, {"measure": "customers", "months": "24"}))


def test_a_company_without_subscriptions_sees_how_to_begin(db, member):
    make_seller()
    assert "It begins with the first live subscription" in text_of(member("finance").get(HERE))


@pytest.mark.parametrize("query", [{"seller": "x"}, {"currency": "GBP"}, {"until": "March"}, {"until": "2020-01"}])
def test_a_report_that_does_not_exist_is_not_found(books, member, query):
    assert member("finance").get(HERE, query).status_code == 404


@pytest.mark.parametrize("query", [{}, {"month": "2026-02", "page": "0"}, {"month": "2026-02", "cohort": "2020-01"}])
def test_customers_that_do_not_exist_are_not_found(books, member, query):
    assert member("finance").get(CUSTOMERS, query).status_code == 404


@pytest.mark.parametrize("query", [{}, {"month": "2026-02", "kind": "loss"}, {"month": "2026-02", "page": "0"}])
def test_movements_that_do_not_exist_are_not_found(books, member, query):
    assert member("finance").get(MOVEMENTS, query).status_code == 404


@pytest.mark.parametrize("group", ["support", "operations", "engineer"])
def test_other_groups_see_no_revenue(books, member, group):
    client = member(group)
    assert client.get(HERE).status_code == client.get(MOVEMENTS, {"month": "2026-02"}).status_code == 403
    assert client.get(CUSTOMERS, {"month": "2026-02"}).status_code == 403
    assert HERE not in client.get("/admin/").content.decode()


def test_an_engineer_gets_no_key_that_reads_revenue(db, member):
    client = member("engineer")
    page = client.get("/admin/customers/apikey/add/").content.decode()
    assert "manage: change customers" in page
    assert "revenue:read: see revenue" not in page
    client.post("/admin/customers/apikey/add/", {"name": "Mine", "scopes": ["revenue:read"]})
    assert not ApiKey.objects.filter(name="Mine").exists()
    key, _ = keys.issue(name="Finance's", scopes=["read", "revenue:read"], sandbox=False, by=None, at=NOW)
    rotation = f"/admin/customers/apikey/{key.pk}/rotate/"
    assert "you may not see" in client.get(rotation).content.decode()
    assert client.post(rotation, {"hours": "1"}).status_code == 403
    assert ApiKey.objects.count() == 1
    assert "revenue:read: see revenue" in member("root").get("/admin/customers/apikey/add/").content.decode()
