"""Invoices with given lines, and the postings that follow from them."""

import itertools
from collections import defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec

from billing.revenue.ledger.books import read_books
from billing.revenue.ledger.live_postings import parameters, postings_sql
from customers.models import Customer, Seller
from invoices.amounts.totals import Tax
from invoices.documents.drafts import Draft, DraftLine, DraftShare
from invoices.documents.issue import issue, write_lines
from invoices.models import Invoice
from lib import sql

ZERO_RATED = (Tax("Tax", Decimal(0), "Not taxed in tests"),)
_serial = itertools.count(1)


def moment(text: str) -> datetime:
    """Return the start of a day, in UTC, or the given time."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def line(net: str, start: str, end: str, *, kind: str = "one_off", taxes=ZERO_RATED, **fields) -> DraftLine:
    return DraftLine(
        kind=kind,
        description=f"{kind} {net}",
        service_start=moment(start),
        service_end=moment(end),
        quantity=Decimal(1),
        unit="",
        amount=Decimal(net),
        taxes=taxes,
        explanation=b"{}",
        **fields,
    )


def coupon(amount: str, of: DraftLine) -> tuple[DraftLine, DraftShare]:
    discount = msgspec.structs.replace(of, kind="coupon", amount=-Decimal(amount), fee_id=None, plan_feature_id=None)
    return discount, DraftShare(discount, of, Decimal(amount))


def issue_invoice(customer: Customer, lines, *, at: str, shares=(), currency="EUR", **fields) -> Invoice:
    """Issue an invoice with these lines on a day, as closing does."""
    seller = customer.seller
    draft = Draft(
        reference=f"test:{next(_serial)}",
        seller_id=seller.pk,
        customer_id=customer.pk,
        sandbox=customer.sandbox,
        currency=currency,
        period_start=min(one.service_start for one in lines),
        period_end=max(one.service_end for one in lines),
        seller_facts=msgspec.json.encode({"time_zone": seller.time_zone}),
        buyer_facts=msgspec.json.encode({"country": "DE", "name": str(customer)}),
        seller_zone=seller.time_zone,
        net_days=14,
        lines=list(lines),
        shares=list(shares),
        **fields,
    )
    draft.total_up()
    write_lines([draft])
    issue([draft], at=moment(at))
    return Invoice.objects.get(pk=draft.id)


def postings(seller: Seller, *, at: str) -> list[dict]:
    """Return the postings of open months by the given time."""
    books = read_books(seller, at=moment(at))
    names = (
        "month",
        "currency",
        "service_month",
        "booked_month",
        "customer",
        "source",
        "source_id",
        "debit",
        "credit",
    )
    rows = sql.fetch_rows(
        f"SELECT month, currency, service_month, booked_month, customer_id, source, source_id, debit, credit, amount"  # noqa: S608
        f" FROM ({postings_sql(books)}) p ORDER BY 1, 2, 8, 9, 7",
        parameters(books, low=1, high=len(books.months)),
    )
    return [dict(zip((*names, "amount"), row, strict=True)) for row in rows]


def changes(seller: Seller, role: str, *, at: str) -> dict[str, str]:
    """Return {month: change} of a role, as debits less credits of a balance, or credits less debits of income."""
    sums: dict[date, Decimal] = defaultdict(Decimal)
    sign = 1 if role in ("receivable", "unbilled", "cash", "bad_debt", "credit_notes", "discounts") else -1
    for row in postings(seller, at=at):
        if row["debit"] == role:
            sums[row["month"]] += sign * row["amount"]
        if row["credit"] == role:
            sums[row["month"]] -= sign * row["amount"]
    return {f"{month:%Y-%m}": f"{amount:.2f}" for month, amount in sorted(sums.items()) if amount}
