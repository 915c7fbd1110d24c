"""A list as CSV: every filtered row, in the list's columns, with formulas neutralized for spreadsheets."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils import timezone

from invoices.credit_notes import issue_credit_note
from invoices.models import NumberSeries
from lib.admin.sandbox_switch import sandbox_paths
from lib.spreadsheet_cells import escape_formula
from tests.api.invoice_rows import make_invoice
from tests.builders import make_coupon, make_customer, make_seller, make_wallet
from wallets.ledger.grant import Grant, grant


def download(client, address, **query):
    answer = client.get(address, query)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/csv")
    return list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_has_every_row_of_the_filtered_list(member, db):
    for number in range(30):
        make_invoice(make_customer(f"c{number}", legal_name=f"Company {number:02}"))
    client = member("finance")
    header, *rows = download(client, "/admin/invoices/invoice/export/")
    assert header == [
        *("Number", "Customer", "State", "Issue date", "Due date", "Days past due"),
        *("Total", "Total, currency", "Amount due", "Amount due, currency"),
    ]
    assert len(rows) == 30
    _, *exported = download(client, "/admin/invoices/invoice/export/", q="Company 07")
    assert [(row[1], row[2], row[6], row[7]) for row in exported] == [("Company 07", "issued", "17.85", "EUR")]


def test_an_unknown_filter_is_refused(member, db):
    answer = member("root").get("/admin/invoices/numberseries/export/", {"state__exact": "1"})
    assert answer.status_code == 400


def test_works_for_every_list(member, company):
    company(2)
    client = member("root")
    for model in admin.site._registry:
        meta = model._meta
        if meta.label_lower == "plans.price":
            continue
        address = reverse(f"admin:{meta.app_label}_{meta.model_name}_export")
        rows = 0
        for kind in ["live", "sandbox"] if list(sandbox_paths(model)) else ["live"]:
            client.post("/admin/switch/", {"rows": kind})
            rows += len(download(client, address)) - 1
        assert rows == min(model._default_manager.count(), 100_000) or meta.model_name == "unmatchedusage"


def test_is_refused_to_users_who_may_not_see_the_list(member, db, django_user_model):
    client = member("support")
    django_user_model.objects.get().groups.clear()
    assert client.get("/admin/customers/customer/export/").status_code == 403


CELLS = [
    # text                    cell                       why
    ("=HYPERLINK(1)", "'=HYPERLINK(1)", "a formula"),
    ("@SUM(A1)", "'@SUM(A1)", "an older one"),
    ("+1 555 0100", "'+1 555 0100", "a telephone number is no sum"),
    ("-3,000.50", "-3,000.50", "a negative number"),
    ("Acme = us", "Acme = us", "not at the beginning"),
    ("", "", "nothing"),
]


@pytest.mark.parametrize(("text", "cell", "why"), CELLS)
def test_holds_no_formula(text, cell, why):
    assert escape_formula(text) == cell, why


def test_amounts_are_numbers_with_their_currency(member, db):
    invoice = make_invoice(make_customer("acme"))
    issue_credit_note(invoice_id=invoice.pk, lines=None, reason="x", to="offset", at=timezone.now())
    header, *rows = download(member("finance"), "/admin/invoices/invoice/export/")
    amount, currency = header.index("Total"), header.index("Total, currency")
    assert {(row[amount], row[currency]) for row in rows} == {("17.85", "EUR"), ("-17.85", "EUR")}


def test_the_list_of_coupons_has_its_discounts(member, db):
    make_coupon("SPRING", percent=25)
    header, row = download(member("finance"), "/admin/plans/coupon/export/")
    assert header[:2] == ["Code", "Name"]
    assert row[0] == "SPRING"


def test_switches_and_dates_are_values(member, db):
    login = datetime(2026, 1, 2, 3, tzinfo=UTC)
    user = get_user_model().objects.create(username="amy", is_staff=False, last_login=login)
    header, *rows = download(member("root"), "/admin/auth/user/export/")
    (row,) = (row for row in rows if row[0] == user.username)
    cells = dict(zip(header, row, strict=True))
    assert [cells[name] for name in ("Staff status", "Active", "Last login (UTC)")] == [
        "FALSE",
        "TRUE",
        "2026-01-02 03:00:00",
    ]


def test_units_of_wallets_are_numbers_with_their_unit(member, db):
    wallet = make_wallet(make_customer("acme"))
    grant(wallet_id=wallet.pk, grants=[Grant("bonus", Decimal("12500.5"), "gift")], at=timezone.now())
    header, row = download(member("finance"), "/admin/wallets/wallet/export/")
    cells = dict(zip(header, row, strict=True))
    assert (cells["Balance"], cells["Balance, unit"]) == ("12500.5", "credits")
    assert (cells["Overdraft"], cells["Overdraft, unit"]) == ("", "")


def test_counts_are_bare_numbers(member, db):
    NumberSeries.objects.create(seller=make_seller(), code="memo", prefix="M-", last_number=12_500)
    header, row = download(member("finance"), "/admin/invoices/numberseries/export/")
    assert row[header.index("Last number")] == "12500"
