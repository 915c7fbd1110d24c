"""One-off invoices, several taxes, prices that include tax, and usage billed early at a threshold."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

from billing.closing import bill_reached_thresholds, close_due
from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.one_off_invoices import OneOffLine, OneOffRequest, draft_invoice, issue_draft
from tests.builders import (
    FEB,
    JAN,
    MAR,
    fee,
    make_customer,
    make_plan,
    make_seller,
    make_tax,
    offer,
    publish,
    rate,
    subscribe,
    threshold,
)

DAY = date(2026, 1, 15)


def bill_one_off(record: Callable[..., None]) -> None:
    """Bill one-off lines of a seller in California, and bill a subscription early."""
    seller = make_seller("coast", legal_name="Coast Inc.", region="CA")
    make_tax("6.25", seller=seller, country="US", region="CA", name="State tax")
    make_tax("2", seller=seller, country="US", region="CA", name="County tax", level=2)
    make_tax("0", seller=seller, country="US", code="export", name="State tax", reason="Export")
    customer = make_customer("coastal", seller=seller, region="CA", net_days=21)
    version = publish(
        make_plan(
            "early",
            fees=[fee("10", billed="arrears")],
            offers=[offer("early.calls", rates=[rate("20")])],
            thresholds=[threshold(40), threshold(30, repeats=True)],
            prices_include_tax=True,
        ),
        at=JAN,
    )
    subscribe(customer, version)
    for day, calls in ((2, 3), (3, 2)):
        at = JAN.replace(day=day)
        event = {"event": "early.calls", "customer": "coastal", "timestamp": at.isoformat()}
        record([event | {"id": f"early-{day}-{number}"} for number in range(calls)], at=at)
        bill_reached_thresholds(at=JAN.replace(day=day + 1))
    close_due(at=FEB.replace(day=2))
    lines = [
        OneOffLine("Work", Decimal("99.90"), DAY, DAY, Decimal("2.5"), "day"),
        OneOffLine("Abroad", Decimal("10"), DAY, DAY, tax_code="export"),
    ]
    draft = draft_invoice(customer=customer, request=OneOffRequest(lines, net_days=7), at=JAN)
    invoice = issue_draft(invoice_id=draft.pk, at=MAR)
    issue_credit_note(
        invoice_id=invoice.pk, lines=[RequestedCredit(1, Decimal("9.90"))], reason="Sorry", to="offset", at=MAR
    )
