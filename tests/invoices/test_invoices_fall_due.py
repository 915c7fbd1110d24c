"""An invoice is overdue once its due date has ended in the seller's time zone: docs/invoices.md#overdue."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from customers.models import Notification
from invoices.documents.past_due import mark_overdue
from invoices.models import Invoice, NumberSeries
from invoices.payments.manual_payments import record_payment
from tests.api.invoice_rows import make_invoice
from tests.builders import make_clock, make_customer, make_seller
from tests.customers.notifications.announcements import create_endpoint

PAGE = (Path(__file__).parents[2] / "docs" / "invoices.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d{4}-\d\d-\d\d \d\d:\d\d) \| (\S+) \| (\w+) \|$", PAGE.split("## Overdue")[1], re.MULTILINE)
LATER = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def invoice(db):
    create_endpoint("https://example.com/hook")
    customer = make_customer("acme", seller=make_seller(time_zone="Europe/Berlin"), currency="EUR")
    return due_on(make_invoice(customer, net="20.00", tax="3.80", issue=False))


def due_on(invoice, *, code="inv"):
    """Issue a draft that is due on May 18."""
    series = NumberSeries.objects.create(
        seller=invoice.seller, code=code, prefix=f"{code.upper()}-", sandbox=invoice.sandbox
    )
    facts = {"state": "issued", "series": series, "sequence": 1, "number": f"{code.upper()}-1"}
    dates = {"issued_at": LATER.replace(month=5), "issue_date": date(2026, 5, 1), "due_date": date(2026, 5, 18)}
    Invoice.objects.filter(pk=invoice.pk).update(**facts, **dates)
    invoice.refresh_from_db()
    return invoice


@pytest.mark.parametrize(("when", "due", "state"), ROWS)
def test_the_examples_of_the_docs_are_correct(invoice, when, due, state):
    at = datetime.strptime(when, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    if not Decimal(due):
        record_payment(
            invoice_id=invoice.pk, amount=invoice.due, method="manual", reference="1", at=invoice.issued_at
        )

    mark_overdue(at=at)

    invoice.refresh_from_db()
    assert (invoice.due, invoice.state) == (Decimal(due), state)


def test_there_are_rows():
    assert len(ROWS) == 3


def test_it_is_announced_once(invoice):
    assert (mark_overdue(at=LATER), mark_overdue(at=LATER)) == (1, 0)

    [notification] = Notification.objects.filter(kind="invoice.overdue")
    assert notification.facts == {
        "invoice": invoice.pk,
        "number": "INV-1",
        "due": "23.8",
        "currency": "EUR",
        "due_date": "2026-05-18",
    }


def test_an_overdue_invoice_is_paid(invoice):
    mark_overdue(at=LATER)
    record_payment(invoice_id=invoice.pk, amount=Decimal("23.80"), method="manual", reference="1", at=LATER)

    invoice.refresh_from_db()
    assert invoice.state == "paid"


def test_a_sandbox_customers_invoice_uses_its_clock(invoice):
    clock = make_clock(datetime(2026, 1, 1, tzinfo=UTC))
    customer = make_customer("try", seller=invoice.seller, currency="EUR", sandbox=True, test_clock=clock)
    due_on(make_invoice(customer, issue=False), code="test")

    assert mark_overdue(at=LATER) == 1
    assert mark_overdue(at=LATER, clock_id=clock.pk) == 1
