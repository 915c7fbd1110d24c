"""Issued invoices in the database, written row by row from the facts of a sample."""

import itertools
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from customers.brand.logos import read_logo, store_logo
from invoices.models import Invoice, NumberSeries
from invoices.rendering.invoice_facts import InvoiceFacts
from tests.builders import make_customer, make_seller
from tests.invoices.rendering.samples import every_model, invoice

_serial = itertools.count(1)


def store(facts: InvoiceFacts | None = None, **fields: Any) -> Invoice:
    """Return an invoice with these facts, issued unless they are a draft's."""
    facts = facts or invoice(*every_model())
    place = next(_serial)
    seller = make_seller()
    customer = fields.pop("customer", None) or make_customer()
    series, _ = NumberSeries.objects.get_or_create(seller=seller, code="invoices", prefix="INV-")
    stored = Invoice.objects.create(
        reference=f"test:{place}",
        seller=seller,
        customer=customer,
        currency=facts.currency,
        net=facts.net,
        tax=facts.tax,
        total=facts.total,
        period_start=facts.period_start,
        period_end=facts.period_end,
        seller_facts=asdict(facts.seller)
        | {"bank_details": facts.bank_details, "footer": facts.footer, "brand_color": facts.brand_color}
        | _look(facts),
        buyer_facts=asdict(facts.buyer) | {"locale": facts.locale, "time_zone": facts.time_zone},
        sandbox=facts.sandbox,
        purchase_order=facts.purchase_order,
        note=facts.note,
        created_at=facts.dated_at,
    )
    for position, line in enumerate(facts.lines, start=1):
        line_facts = {name: value for name, value in asdict(line).items() if name != "section"}
        stored.lines.create(position=position, currency=facts.currency, **line_facts)
    for tax in facts.taxes:
        stored.taxes.create(currency=facts.currency, **{k: v for k, v in asdict(tax).items() if k != "category"})
    if facts.state != "draft":
        _issue(stored, facts, series, place, fields)
    return stored


def _look(facts: InvoiceFacts) -> dict[str, Any]:
    look = asdict(facts.branding)
    logo = look.pop("logo")
    return look | {"logo_id": store_logo(read_logo(logo)).pk if logo else None}


def _issue(stored: Invoice, facts: InvoiceFacts, series: NumberSeries, place: int, fields: dict[str, Any]) -> None:
    stored.state = facts.state
    stored.series, stored.sequence = series, place
    stored.number = fields.get("number") or f"INV-{place:06d}"
    stored.issued_at = facts.dated_at
    stored.issue_date = facts.issue_date
    stored.due_date = facts.due_date or facts.dated_at.date() + timedelta(days=14)
    stored.save()
