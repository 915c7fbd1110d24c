"""
The portal's amounts equal the billed ones, in the customer's formats; the number of queries doesn't grow with the
rows.
"""

import csv
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from billing.limits.alerts.rule_settings import AlertScope, set_alert_rule
from billing.limits.spend_caps import set_cap
from billing.metering.usage.forecast import compute_pace, forecast_periods
from billing.portal.plan_description import describe_terms
from invoices.portal.formats import PortalFigures
from plans.catalog.stored_terms import load_terms
from tests.builders import fee, make_feature, make_pack, make_plan, make_wallet, publish
from tests.docs_tables import rows
from tests.portal.accounts import DAY, TODAY, make_account, send
from tests.portal.test_customers_see_only_their_own_rows import PAGES, no_parameters, text_of
from wallets.ledger.grant import Grant, grant
from wallets.purchases import PackOrder, buy

pytestmark = pytest.mark.django_db


def test_usage_as_csv_sums_to_the_counted_quantity(own):
    client = own.client()
    used_by_period = {"now": sum(60 + day for day in range(9)), "before": sum(40 + day for day in range(31))}
    for period, quantity in used_by_period.items():
        for query in ("", "&by=model"):
            csv_text = text_of(client.get(f"/portal/usage.csv?period={period}{query}"))
            assert sum(Decimal(row["quantity"]) for row in csv.DictReader(csv_text.splitlines())) == quantity, (
                period,
                query,
            )


def test_a_plan_lists_each_of_its_fees_once():
    fees = [fee("10"), fee("5", label="Seats", basis="seat"), fee("120", label="Support", every=12)]
    version = publish(make_plan("team", fees=fees))
    figures = PortalFigures(Locale("en", "US"), "USD", ZoneInfo("UTC"))
    described = describe_terms(load_terms(version.pk, "USD"), {"seats": 3}, figures)
    assert described["fees"] == [
        {"label": "Base fee", "amount": "$10.00", "frequency": "each month", "notes": ""},
        {"label": "Seats", "amount": "$5.00 each", "frequency": "each month", "notes": "you have 3"},
        {"label": "Support", "amount": "$120.00", "frequency": "every 12 months", "notes": ""},
    ]


def test_a_wallet_that_pays_invoices_shows_its_balance_after_them(own):
    wallet = make_wallet(own.customer, name="Money", unit="USD", currency="USD", pays_invoices=True)
    text = text_of(own.client().get(f"/portal/wallets/{wallet.pk}"))
    assert "After open invoices and usage so far" in text
    assert "After open invoices" not in text_of(own.client().get(f"/portal/wallets/{own.wallet.pk}"))


def test_a_pack_names_the_features_that_it_is_for(own):
    make_pack("chats", features=[make_feature("chat").code])
    assert "$99.00 before tax; for chat" in text_of(own.client().get(f"/portal/wallets/{own.wallet.pk}/top-up"))


def test_a_value_that_looks_like_a_formula_is_harmless(own):
    send(own.customer, [(TODAY - DAY, 7, '=HYPERLINK("x")')], own.word)

    assert "'=HYPERLINK" in text_of(own.client().get("/portal/usage.csv?by=model"))


def test_an_amount_is_explained_down_to_its_events(own):
    client = own.client()
    page = client.get(f"/portal/invoices/{own.invoice.pk}").content.decode()
    assert "is calculated" in page
    assert f"/portal/invoices/{own.invoice.pk}/lines/{own.line.position}/events" in page
    csv_text = text_of(client.get(f"/portal/invoices/{own.invoice.pk}/lines/{own.line.position}/events.csv"))
    assert sum(Decimal(row["quantity"]) for row in csv.DictReader(csv_text.splitlines())) == own.line.quantity


def test_amounts_are_in_the_customers_formats(db):
    account = make_account("hazel", locale="de_DE", time_zone="Europe/Berlin")
    page = account.client().get("/portal/invoices").content.decode()

    assert f"{account.invoice.total.amount:.2f}".replace(".", ",") in page
    assert "Februar 2026" in page


def test_a_forecast_is_a_range_of_two_paces(own):
    (forecast_period,) = forecast_periods(customer=own.customer, at=TODAY)

    assert forecast_period.is_telling
    assert 0 < forecast_period.usage.cost < forecast_period.least < forecast_period.most
    page = own.client().get("/portal/").content.decode()
    assert f"${forecast_period.least}" in page
    assert f"${forecast_period.most}" in page


def test_paces_are_as_documented():
    for row in rows("portal.md", "Forecasts"):
        recent, over, before, since = (Decimal(row[name]) for name in ("lately", "days", "so far", "days so far"))
        pace = compute_pace(recent=recent, over=DAY * float(over), before=before, since=DAY * float(since))
        assert Decimal(pace.numerator) / Decimal(pace.denominator) == Decimal(row["pace"]), row["why"]


def test_pages_run_as_many_queries_for_many_rows_as_for_few(own):
    client = own.client()
    addresses = {
        name: reverse(name, kwargs=numbers(own))
        for name, (method, numbers) in PAGES.items()
        if method == "GET" and (numbers is no_parameters or "wallet" in name or name == "portal_invoice")
    }
    for address in addresses.values():
        client.get(address)
    few = {name: _queries_of(client, address) for name, address in addresses.items()}
    _add_rows(own)
    for name, address in addresses.items():
        queries = _queries_of(client, address)
        assert len(queries) <= len(few[name]), f"{name}\n" + "\n".join(queries)


def _queries_of(client, address: str) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        text_of(client.get(address))
    return [query["sql"] for query in captured]


def _add_rows(own) -> None:
    """Add more rows of every kind that the pages list."""
    send(own.customer, [(TODAY - DAY * day, 5, f"m{day}") for day in range(5, 1, -1)], "walnut")
    for number in range(4):
        own.customer.contacts.create(email=f"{number}@walnut.example")
        make_pack(f"more-{number}", slabs=[(0, 1, 0), (10, 2, 0)])
        grant(wallet_id=own.wallet.pk, grants=[Grant("promotional", Decimal(1), f"more:{number}")], at=TODAY)
        buy(wallet_id=own.wallet.pk, order=PackOrder(own.pack, f"more:{number}"), at=TODAY)
        match = {"model": f"m{number}"}
        set_cap(customer=own.customer, amount=Decimal(9), match=match, set_by="customer", at=TODAY)
        scope = AlertScope(customer=own.customer, dimension="model", value=f"m{number}")
        set_alert_rule(kind="spend", scope=scope, amount=Decimal(9), set_by="customer", at=TODAY)
