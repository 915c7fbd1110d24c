"""
Tax the usage that multi-purpose lots paid: one invoice per wallet and month, with the usage and the payment for it.

The ledger numbers a wallet's entries without gaps, so "the entries after place p up to place q" is an exact and
permanent set, and each of them is on one invoice. docs/tax.md#vouchers.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from django.db import connection
from django.db.models import Max

from billing.models import VoucherUsage
from customers.customer_time import clock_sql
from invoices.amounts.totals import Tax
from invoices.documents.drafts import Draft, DraftLine
from invoices.documents.issue import issue, next_ids, write_lines
from invoices.documents.locked_months import find_locked_sellers
from invoices.documents.seller_terms import SellerTerms, last_instant, read_sellers
from invoices.tax.buyer_details import Buyer, buyer_of
from lib import sql
from lib.audit_log import audited_transaction
from lib.decimals import EXACT, ZERO, exact_sum, to_plain_string
from lib.money import round_money
from lib.queue import NO_DEADLINE, Deadline
from wallets.models import TaxPoint, Wallet

PAID_IN_ADVANCE = Tax("Tax", ZERO, "Paid in advance with a multi-purpose voucher")
BATCH_SIZE = 1_000
"""Wallets in memory at a time."""

_log = logging.getLogger(__name__)

# Entries of lots that are taxed when used, where usage takes units or returns them. Payments of invoices are left
# out, because those are taxed themselves; expiry, void, refund and transfer are no supplies.
_USAGE = """
FROM wallets_entry e JOIN wallets_transaction t ON t.id = e.transaction_id JOIN wallets_lot l ON l.id = e.lot_id
WHERE e.wallet_id = {wallet} AND l.tax_point = {tax_point} AND t.kind IN ('spend', 'give_back', 'repay')
"""
# The first entry after the last invoice decides, because entries are numbered in the order of time.
_DUE = f"""
SELECT k.wallet_id, k.tax_point
FROM (SELECT DISTINCT wallet_id, tax_point FROM wallets_lot WHERE tax_point <> 'sold') k
JOIN wallets_wallet w ON w.id = k.wallet_id JOIN customers_customer c ON c.id = w.customer_id
CROSS JOIN LATERAL (SELECT coalesce(max(v.last_place), 0) AS place FROM billing_voucherusage v
    WHERE v.wallet_id = k.wallet_id AND v.tax_point = k.tax_point) taxed
CROSS JOIN LATERAL (SELECT t.at {_USAGE.format(wallet="k.wallet_id", tax_point="k.tax_point")}
    AND e.place > taxed.place ORDER BY e.place LIMIT 1) first
WHERE first.at < date_trunc('month', %(at)s::timestamptz AT TIME ZONE c.time_zone) AT TIME ZONE c.time_zone
    AND (k.wallet_id, k.tax_point) > (%(wallet)s, %(tax_point)s) AND {{in_time}}
ORDER BY 1, 2 LIMIT %(limit)s
"""  # noqa: S608
_FIRST_AND_LAST = f"""
SELECT min(t.at), max(e.place) {_USAGE.format(wallet="%(wallet)s", tax_point="%(tax_point)s")}
    AND e.place > %(since)s AND t.at < %(before)s
"""
_PARTS = f"""
SELECT coalesce(f.name, ''), coalesce(nullif(p.tax_code, ''), p.version_code, ''),
    coalesce(-sum(used.money) FILTER (WHERE used.place <= %(since)s), 0),
    coalesce(-sum(used.money) FILTER (WHERE used.place > %(since)s), 0)
FROM (SELECT e.money, e.place, t.draw, t.feature_id
    {_USAGE.format(wallet="%(wallet)s", tax_point="%(tax_point)s")} AND e.place <= %(until)s) used
LEFT JOIN plans_feature f ON f.id = used.feature_id LEFT JOIN LATERAL (
    SELECT g.tax_code, v.tax_code AS version_code FROM billing_drawdown d
    JOIN plans_planfeature g ON g.id = d.plan_feature_id JOIN plans_planversion v ON v.id = g.version_id
    WHERE d.id = used.draw) p ON true
GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608


class UsedPart(NamedTuple):
    """
    Usage of one feature under one tax code. feature: its name; empty for usage without one.

    before: cost of the units that earlier invoices cover. cost: of those since.
    """

    feature: str
    tax_code: str
    before: Decimal
    cost: Decimal

    def amount(self, currency: str) -> Decimal:
        """Return the amount to tax: the increase of the rounded total, so that no cent is lost between invoices."""
        total = round_money(EXACT.add(self.before, self.cost), currency)
        return EXACT.subtract(total, round_money(self.before, currency))


class Span(NamedTuple):
    """Entries of a wallet after place `since` up to place `until`, and the time of their usage."""

    since: int
    until: int
    starts_at: datetime
    ends_at: datetime


@dataclass(slots=True)
class VoucherRun:
    """Counts of a run: invoices issued, and wallets that failed."""

    issued: int = 0
    failed: int = 0


def tax_voucher_usage(*, at: datetime, clock_id: int | None = None, deadline: Deadline = NO_DEADLINE) -> VoucherRun:
    """
    Invoice the tax on usage of past months that multi-purpose lots paid.

    Each wallet is a transaction of its own. A failure is logged, the run continues, and the wallet stays due. Safe to
    repeat and to run concurrently.

    clock_id: limit to customers on this test clock; None means real time.
    """
    run = VoucherRun()
    for wallet_id, tax_point in deadline.limit(_read_due(at, clock_id)):
        try:
            usage = tax_usage_of(wallet_id=wallet_id, tax_point=tax_point, at=at)
        except Exception:
            # Without a connection the other wallets can't be processed either.
            if not connection.is_usable():
                raise
            _log.exception("wallet %s: voucher usage could not be taxed", wallet_id)
            run.failed += 1
        else:
            run.issued += usage is not None and usage.invoice_id is not None
    return run


def _read_due(at: datetime, clock_id: int | None) -> Iterator[tuple[int, str]]:
    query, wallet_id, tax_point = _DUE.format(in_time=clock_sql(clock_id, "w.customer_id")), 0, ""
    while True:
        after = {"wallet": wallet_id, "tax_point": tax_point}
        rows = sql.fetch_rows(query, {"at": at, "limit": BATCH_SIZE, **after})
        yield from rows
        if len(rows) < BATCH_SIZE:
            return
        wallet_id, tax_point = rows[-1]


def tax_usage_of(*, wallet_id: int, tax_point: str, at: datetime) -> VoucherUsage | None:
    """
    Tax the usage that a wallet's lots with this tax point paid before the customer's current month.

    Return None if there is none, if corrections outweigh it (they are deducted from the usage of a later month), or
    if the seller has locked the month.
    """
    with audited_transaction("tax voucher usage", by=None, at=at, wallet=wallet_id):
        # Row lock: the wallet gets no entries meanwhile, and two runs can't tax the same ones.
        rows = Wallet.objects.select_for_update(no_key=True, of=("self",)).select_related("customer")
        wallet = rows.get(pk=wallet_id)
        customer = wallet.customer
        span = _read_span(wallet, tax_point, at)
        if span is None or (not customer.sandbox and find_locked_sellers([wallet.seller_id], at=at)):
            return None
        parts = read_parts(wallet_id=wallet_id, tax_point=tax_point, since=span.since, until=span.until)
        cost = exact_sum(part.cost for part in parts)
        (id_,) = next_ids("billing_voucherusage_id_seq", 1)
        draft = _draft(id_, wallet, tax_point, parts, span)
        if cost < 0 or draft.totals.total < 0:
            return None
        is_taxed = any(tax.rate or tax.reason for line in draft.lines[:-1] for tax in line.taxes)
        if is_taxed:
            write_lines([draft])
        usage = VoucherUsage.objects.create(
            pk=id_,
            wallet=wallet,
            tax_point=tax_point,
            last_place=span.until,
            cost=cost,
            invoice_id=draft.id if is_taxed else None,
            created_at=at,
        )
        if is_taxed:
            issue([draft], at=at)
        return usage


def read_parts(*, wallet_id: int, tax_point: str, since: int, until: int) -> list[UsedPart]:
    """Return a wallet's usage up to place `until`, by feature and tax code."""
    names = {"wallet": wallet_id, "tax_point": tax_point, "since": since, "until": until}
    return [UsedPart(*row) for row in sql.fetch_rows(_PARTS, names)]


def _read_span(wallet: Wallet, tax_point: str, at: datetime) -> Span | None:
    taxed = VoucherUsage.objects.filter(wallet=wallet, tax_point=tax_point)
    since = taxed.aggregate(place=Max("last_place"))["place"] or 0
    zone = ZoneInfo(wallet.customer.time_zone)
    ends_at = _month_start(at, zone)
    names = {"wallet": wallet.pk, "tax_point": tax_point, "since": since, "before": ends_at}
    ((first_at, until),) = sql.fetch_rows(_FIRST_AND_LAST, names)
    return None if until is None else Span(since, until, _month_start(first_at, zone), ends_at)


def _month_start(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _draft(id_: int, wallet: Wallet, tax_point: str, parts: Sequence[UsedPart], span: Span) -> Draft:
    """Return the invoice: a line for each part, and one that deducts the amount paid for them."""
    customer, currency = wallet.customer, str(wallet.currency)
    seller = read_sellers([wallet.seller_id])[wallet.seller_id]
    buyer = buyer_of(customer, seller_id=seller.id)
    lines = [_usage_line(part, amount, seller, buyer, span) for part in parts if (amount := part.amount(currency))]
    paid = exact_sum(line.amount for line in lines)
    lines.append(_line("Paid in advance with multi-purpose credits", EXACT.minus(paid), (PAID_IN_ADVANCE,), span))
    draft = Draft(
        reference=f"voucher-usage:{id_}",
        seller_id=seller.id,
        customer_id=customer.pk,
        sandbox=customer.sandbox,
        currency=currency,
        period_start=span.starts_at,
        period_end=span.ends_at,
        seller_facts=seller.facts,
        buyer_facts=buyer.facts,
        seller_zone=seller.zone_name,
        net_days=seller.net_days_for(buyer),
        includes_tax=tax_point == TaxPoint.INCLUDED,
        purchase_order=customer.purchase_order,
        lines=lines,
    )
    draft.total_up()
    return draft


def _usage_line(part: UsedPart, amount: Decimal, seller: SellerTerms, buyer: Buyer, span: Span) -> DraftLine:
    taxes = seller.taxes_of(buyer, at=last_instant(span.ends_at), code=part.tax_code)
    line = _line(f"{part.feature or 'Usage'}, paid in advance", amount, taxes, span)
    workings = {"cost": to_plain_string(part.cost), "cost_before": to_plain_string(part.before)}
    return msgspec.structs.replace(line, explanation=msgspec.json.encode(workings))


def _line(description: str, amount: Decimal, taxes: tuple[Tax, ...], span: Span) -> DraftLine:
    return DraftLine(
        kind="credit_pack",
        description=description,
        service_start=span.starts_at,
        service_end=span.ends_at,
        quantity=Decimal(1),
        unit="",
        amount=amount,
        taxes=taxes,
        explanation=b"{}",
    )
