"""Issued invoices are pushed to an accounting system, each once and with our tax."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.models import SyncRecord
from billing.revenue.adapters.line_taxes import split_tax
from invoices.models import Invoice
from invoices.one_off_invoices import OneOffLine, OneOffRequest, draft_invoice, issue_draft
from tests.billing.revenue.adapters.fake_targets import FINE, Trouble
from tests.billing.revenue.adapters.target_builders import sync, sync_until_done, xero_target
from tests.builders import make_customer, make_seller, make_tax

pytestmark = pytest.mark.django_db

AT = datetime(2026, 1, 5, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def issued(*amounts: str, customer=None, at=AT) -> Invoice:
    day = at.date()
    lines = [OneOffLine(f"Work {number}", Decimal(amount), day, day) for number, amount in enumerate(amounts)]
    customer = customer or make_customer("acme", legal_name="Acme Inc.", country="DE")
    draft = draft_invoice(customer=customer, request=OneOffRequest(lines, net_days=14), at=at)
    return issue_draft(invoice_id=draft.pk, at=at)


def test_an_invoice_is_pushed_with_its_lines_and_tax(xero):
    make_tax(15, country="DE")
    invoice = issued("25.06", "25.61", "25.63")
    xero_target(xero)
    sync_until_done(AT)
    pushed = xero.numbered()[invoice.number]
    assert pushed["Contact"] == {"ContactNumber": str(invoice.customer_id), "Name": "Acme Inc."}
    assert (pushed["Type"], pushed["Status"], pushed["CurrencyCode"]) == ("ACCREC", "AUTHORISED", "USD")
    assert (pushed["Date"], pushed["DueDate"]) == ("2026-01-05", "2026-01-19")
    assert [line["UnitAmount"] for line in pushed["LineItems"]] == [25.06, 25.61, 25.63]
    # Rounded line by line, the target would compute 11.44.
    taxes = [Decimal(str(line["TaxAmount"])) for line in pushed["LineItems"]]
    assert sum(taxes) == invoice.tax.amount == Decimal("11.45")


@given(
    tax=st.decimals(-1000, 1000, places=2),
    weights=st.lists(st.decimals(-100, 100, places=4), min_size=1, max_size=8),
)
def test_shares_of_the_tax_add_up_to_it(tax, weights):
    shares = split_tax(tax, weights, "USD")
    assert sum(shares) == tax
    total = sum(map(Fraction, weights))
    if total:
        for share, weight in zip(shares, weights, strict=True):
            assert abs(Fraction(share) - Fraction(tax) * Fraction(weight) / total) < Fraction("0.01")


def test_an_invoice_is_sent_once(xero):
    issued("10.00")
    xero_target(xero)
    at = sync_until_done(AT)
    count = len(xero.requests)
    sync(at + HOUR)
    sync(at + 2 * HOUR)
    assert len(xero.requests) == count
    assert len(xero.numbered()) == 1


def test_a_repeated_request_has_the_same_idempotency_key(xero):
    issued("10.00")
    xero_target(xero)
    # The first answer is lost, and the look-up that follows does not see the invoice yet.
    lost = [FINE, Trouble(status=504, is_done_first=True), Trouble(status=200, body={"Invoices": []})]
    xero.troubles = lost
    sync_until_done(AT)
    assert len(xero.keys) == 2
    assert len(set(xero.keys)) == 1
    assert len(xero.numbered()) == 1


def test_a_voided_invoice_is_voided_there(xero):
    invoice = issued("10.00")
    xero_target(xero)
    at = sync_until_done(AT)
    Invoice.objects.filter(pk=invoice.pk).update(state="void")
    sync_until_done(at + HOUR)
    assert xero.numbered()[invoice.number]["Status"] == "VOIDED"


def test_an_invoice_that_was_voided_before_is_not_sent(xero):
    invoice = issued("10.00")
    target = xero_target(xero)
    SyncRecord.objects.create(target=target, kind="invoice", row_id=invoice.pk, next_at=AT)
    Invoice.objects.filter(pk=invoice.pk).update(state="void")
    sync_until_done(AT)
    assert xero.invoices == {}
    assert SyncRecord.objects.get().log[-1]["text"] == "nothing to send: the target never had it"
    assert sync(AT + HOUR).synced == 0


def test_older_invoices_and_those_of_other_sellers_and_the_sandbox_are_not_sent(xero):
    issued("1.00")
    issued("2.00", customer=make_customer("other", seller=make_seller("other")), at=AT + timedelta(days=40))
    issued("3.00", customer=make_customer("tries", sandbox=True), at=AT + timedelta(days=40))
    invoice = issued("4.00", customer=make_customer("globex"), at=AT + timedelta(days=40))
    xero_target(xero, since=date(2026, 2, 1))
    sync_until_done(AT + timedelta(days=41))
    assert set(xero.numbered()) == {invoice.number}


def test_a_refusal_names_the_reason_of_the_target(xero):
    issued("10.00")
    target = xero_target(xero, account_code="999")
    assert sync(AT).refused == 1
    reason = "400: Account code '999' is not a valid code for this document."
    assert SyncRecord.objects.get().error == reason
    target.account_code = "200"
    target.save()
    sync_until_done(AT + HOUR)


def test_wrong_credentials_pause_the_target(xero):
    issued("10.00")
    target = xero_target(xero, client_id="someone")
    sync(AT)
    target.refresh_from_db()
    assert target.error == "400: invalid_client"
    assert target.paused_until == AT + timedelta(minutes=15)
    assert SyncRecord.objects.get().attempts == 0


def test_any_sequence_of_failures_converges(xero):
    customer = make_customer("acme")
    numbers = {issued(f"{number}.00", customer=customer).number for number in range(1, 6)}
    xero_target(xero)
    troubles = [
        *(FINE, Trouble(status=500, is_done_first=True), Trouble(status=503, headers={"Retry-After": "60"})),
        *(Trouble(is_cut=True), FINE, Trouble(status=429, headers={"Retry-After": "3"}), FINE),
    ]
    xero.rule = lambda method, path, place: troubles[place % len(troubles)] if place < 80 else FINE
    sync_until_done(AT)
    assert set(xero.numbered()) == numbers
