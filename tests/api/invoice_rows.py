"""Invoices for tests that read them, written row by row."""

from decimal import Decimal
from typing import Any

import msgspec

from customers.models import Customer, Seller
from invoices.documents.seller_terms import seller_facts
from invoices.models import Invoice, InvoiceTax, Line, NumberSeries
from invoices.tax.buyer_details import buyer_of
from tests.builders import FEB, JAN

PARTS = [
    {"from": "0", "to": "300", "units": "300", "unit_price": "0.05", "flat_fee": "0", "amount": "15"},
]


def make_invoice(
    customer: Customer,
    *,
    net: str = "15.00",
    tax: str = "2.85",
    issue: bool = True,
    copies: bool = False,
    seller: Seller | None = None,
) -> Invoice:
    """
    Return an invoice with one usage line, issued by default.

    copies: whether it stores copies of both parties' facts.
    """
    serial = Invoice.objects.count() + 1
    money = {"currency": "EUR"}
    invoice = Invoice.objects.create(
        reference=f"test:{serial}",
        seller=seller or customer.seller,
        customer=customer,
        sandbox=customer.sandbox,
        period_start=JAN,
        period_end=FEB,
        net=Decimal(net),
        tax=Decimal(tax),
        total=Decimal(net) + Decimal(tax),
        seller_facts=seller_facts(customer.seller) if copies else {},
        buyer_facts=msgspec.json.decode(buyer_of(customer).facts) if copies else {},
        created_at=FEB,
        **money,
    )
    Line.objects.create(
        invoice=invoice,
        position=1,
        kind="usage",
        description="API calls",
        service_start=JAN,
        service_end=FEB,
        quantity=Decimal(500),
        unit="call",
        amount=Decimal(net),
        tax_rate=Decimal(19),
        explanation={"quantity": "500", "included": "200", "billable": "300", "parts": PARTS, "amount": "15"},
        **money,
    )
    InvoiceTax.objects.create(
        invoice=invoice, name="VAT", rate=Decimal(19), taxable=Decimal(net), amount=Decimal(tax), **money
    )
    if issue:
        _issue(invoice, serial)
    return invoice


def _issue(invoice: Invoice, serial: int) -> None:
    series = NumberSeries.objects.get_or_create(
        seller=invoice.seller, code="inv", defaults={"prefix": "INV-", "sandbox": False}
    )[0]
    facts: dict[str, Any] = {"state": "issued", "series": series, "sequence": serial, "number": f"INV-{serial:05}"}
    dates = {"issued_at": FEB, "issue_date": FEB.date(), "due_date": FEB.date()}
    Invoice.objects.filter(pk=invoice.pk).update(**facts, **dates)
    invoice.refresh_from_db()
