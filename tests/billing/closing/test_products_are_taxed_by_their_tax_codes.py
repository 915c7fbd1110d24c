"""Tax codes of a plan, a feature and a fee on one invoice, and the tax of its credit notes."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due, preview
from billing.models import Period
from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.models import Invoice
from tests.builders import (
    FEB,
    MAR,
    assert_invoices_clean,
    fee,
    make_coupon,
    make_customer,
    make_plan,
    make_seller,
    make_tax,
    offer,
    publish,
    rate,
    subscribe,
    use,
)

pytestmark = pytest.mark.django_db

D = Decimal


def issued(*, version_fields: dict | None = None, coupon: bool = False, **customer: str) -> Invoice:
    fees = [fee("10.10", billed="arrears", tax_code="food"), fee("5", billed="arrears", label="Support")]
    plan = make_plan(
        fees=fees, offers=[offer("api.calls", rates=[rate("0.05")], tax_code="digital")], **(version_fields or {})
    )
    subscription = subscribe(
        make_customer("acme", **customer), publish(plan), **({"coupons": [make_coupon(percent=10)]} if coupon else {})
    )
    use(subscription, "api.calls", 100)
    draft = preview(period=Period.objects.order_by("ends_at").last(), at=FEB)
    close_due(at=FEB + timedelta(hours=1))
    invoice = Invoice.objects.get()
    assert (draft.totals.net, draft.totals.tax) == (invoice.net.amount, invoice.tax.amount)
    return invoice


def taxed(invoice: Invoice) -> list[tuple[str, Decimal, Decimal, Decimal]]:
    taxes = invoice.taxes.order_by("name", "rate").values_list("name", "rate", "taxable", "amount")
    return [(name, rate.normalize(), taxable, amount) for name, rate, taxable, amount in taxes]


def state_and_county() -> None:
    make_tax("6.25", country="US", region="CA", name="State")
    make_tax("2", country="US", region="CA", name="County", level=2)
    make_tax("0", country="US", region="CA", name="County", level=2, code="digital")


def test_each_line_is_taxed_by_its_code_or_by_the_versions():
    make_tax("19")
    make_tax("7", code="food")
    make_tax("3", code="digital")
    make_tax("5", code="service")
    invoice = issued(version_fields={"tax_code": "service"})
    assert [line.tax_rate for line in invoice.lines.order_by("position")] == [7, 5, 3]
    assert taxed(invoice) == [
        ("VAT", 3, D("5.00"), D("0.15")),
        ("VAT", 5, D("5.00"), D("0.25")),
        ("VAT", 7, D("10.10"), D("0.71")),
    ]
    assert_invoices_clean()


def test_a_customers_code_overrides_the_products():
    make_tax("19")
    make_tax("1", code="diplomat")
    assert taxed(issued(tax_code="diplomat")) == [("VAT", 1, D("20.10"), D("0.20"))]


def test_state_and_county_tax_are_billed_and_credited_separately():
    state_and_county()
    invoice = issued(region="CA", coupon=True)
    # The coupon takes 1.01, 0.50 and 0.50 off: 9.09 and 4.50 under both taxes, 4.50 under the state's alone.
    assert taxed(invoice) == [("County", 2, D("13.59"), D("0.27")), ("State", D("6.25"), D("18.09"), D("1.13"))]
    assert [line.tax_rate.normalize() for line in invoice.lines.filter(kind="fee")] == [D("8.25"), D("8.25")]
    notes = [
        issue_credit_note(
            invoice_id=invoice.pk, lines=[RequestedCredit(1, D("0.09"))], reason="x", to="offset", at=MAR
        )
        for _ in range(3)
    ]
    notes.append(issue_credit_note(invoice_id=invoice.pk, lines=None, reason="x", to="offset", at=MAR))
    assert sum(note.tax.amount for note in notes) == invoice.tax.amount == D("1.40")
    invoice.refresh_from_db()
    assert (invoice.state, invoice.credited) == ("void", invoice.total.amount)
    assert_invoices_clean()


def test_prices_that_include_tax_are_the_total():
    make_tax("19")
    invoice = issued(version_fields={"prices_include_tax": True}, coupon=True)
    assert (invoice.total.amount, invoice.net.amount, invoice.tax.amount) == (D("18.09"), D("15.20"), D("2.89"))
    assert sum(line.amount.amount for line in invoice.lines.all()) == invoice.total.amount
    notes = [
        issue_credit_note(
            invoice_id=invoice.pk, lines=[RequestedCredit(1, D("3.03"))], reason="x", to="offset", at=MAR
        ),
        issue_credit_note(invoice_id=invoice.pk, lines=None, reason="x", to="offset", at=MAR),
    ]
    assert [note.total.amount for note in notes] == [D("3.03"), D("15.06")]
    assert sum(note.tax.amount for note in notes) == D("2.89")
    assert_invoices_clean()


def test_the_invoice_of_a_business_elsewhere_in_the_eu_states_the_reverse_charge():
    seller = make_seller("berlin", country="DE")
    make_tax("19", seller=seller, country="DE")
    make_tax("20", seller=seller, country="FR")
    invoice = issued(seller=seller, country="FR", tax_number="FR40303265045")
    tax = invoice.taxes.get()
    assert (tax.rate, tax.amount.amount) == (0, 0)
    assert tax.reason == "Reverse charge: the customer owes the tax (Art. 196 Directive 2006/112/EC)"
