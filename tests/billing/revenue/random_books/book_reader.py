"""Read the facts of a seller's books from its documents, as plain data for the reckoner."""

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import Sum

from billing.models import BilledUsage, Event, Period
from invoices.models import BalanceEntry, Discount, Invoice, MonthLock, Payment, Refund
from invoices.models import Line as InvoiceLine
from invoices.models import WriteOff as StoredWriteOff
from plans.models import Fee
from tests.billing.revenue.random_books.books import TIERS, SellerBooks
from tests.billing.revenue.random_books.facts import (
    BalanceChange,
    Document,
    Earned,
    Estimate,
    Ledger,
    Line,
    Lock,
    Usage,
    WriteOff,
)
from tests.billing.revenue.random_books.facts import (
    Payment as PaymentFact,
)
from tests.billing.revenue.random_books.facts import (
    Period as PeriodFact,
)
from tests.billing.revenue.random_books.facts import (
    Purchase as PurchaseFact,
)
from tests.billing.revenue.random_books.facts import (
    Refund as RefundFact,
)
from wallets.models import BreakageRate, Purchase, Transaction

EARNED_AT_END = ("usage", "late_usage", "usage_credit", "true_up", "surcharge")
ROLES = {
    "credit_note": "receivable",
    "overpayment": "cash",
    "paid_out": "refunds_payable",
    "not_paid_out": "refunds_payable",
}


def read_ledger(books: SellerBooks) -> Ledger:
    """Return all facts of a seller up to the time of reading."""
    seller = books.seller
    zone = ZoneInfo(str(seller.time_zone))
    locks = MonthLock.objects.filter(seller=seller, unlocked_at__isnull=True).order_by("month")
    first_month = min(
        [
            *(day for day in Invoice.objects.filter(seller=seller).values_list("issue_date", flat=True) if day),
            *(
                at.astimezone(zone).date()
                for at in seller.subscriptions.order_by("starts_at").values_list("starts_at", flat=True)[:1]
            ),
            books.at.astimezone(zone).date(),
        ]
    ).replace(day=1)
    return Ledger(
        zone=str(seller.time_zone),
        first_month=first_month,
        at=books.at,
        locks=tuple(Lock(lock.month, lock.locked_at, lock.ends_at) for lock in locks),
        discounts_from=seller.discounts_apart_from,
        reverses_tax=seller.reverses_tax_on_bad_debt,
        documents=_documents(books),
        payments=tuple(
            PaymentFact(
                row.invoice_id,
                row.created_at,
                row.paid_at,
                row.amount,
                "customer_balance" if row.method == "balance" else "cash",
            )
            for row in Payment.objects.filter(invoice__seller=seller).order_by("pk")
        ),
        balance_changes=tuple(
            BalanceChange(
                row.customer_id,
                str(row.currency),
                row.at,
                row.amount,
                ROLES[row.kind],
                row.document_id if row.kind == "credit_note" else 0,
            )
            for row in BalanceEntry.objects.filter(seller=seller).exclude(kind="applied").order_by("pk")
        ),
        refunds=tuple(
            RefundFact(
                row.customer_id,
                str(row.currency),
                row.note_id or 0,
                row.created_at,
                row.amount,
                row.settled_at if row.state == "succeeded" else None,
            )
            for row in Refund.objects.filter(seller=seller).order_by("pk")
        ),
        write_offs=tuple(
            WriteOff(row.invoice_id, row.at)
            for row in StoredWriteOff.objects.filter(invoice__seller=seller).order_by("pk")
        ),
        purchases=_purchases(books),
        estimates=tuple(
            Estimate(row.created_at, row.month, row.percent)
            for row in BreakageRate.objects.filter(seller=seller).order_by("pk")
        ),
        periods=_periods(books),
    )


def _documents(books: SellerBooks) -> tuple[Document, ...]:
    invoices = Invoice.objects.filter(seller=books.seller).exclude(state="draft").order_by("pk")
    rows: dict[int, list[InvoiceLine]] = defaultdict(list)
    for row in InvoiceLine.objects.filter(invoice__in=invoices).exclude(kind="coupon").order_by("position"):
        rows[row.invoice_id].append(row)
    coupons = dict(Discount.objects.filter(invoice__in=invoices).values_list("line").annotate(amount=Sum("amount")))
    fees = {row.pk: row for row in Fee.objects.select_related("version")}
    return tuple(
        Document(
            number=invoice.pk,
            customer=invoice.customer_id,
            currency=str(invoice.currency),
            at=invoice.issued_at,
            lines=tuple(_line(row, invoice, coupons, fees) for row in rows[invoice.pk]),
            tax=invoice.tax.amount * (-1 if invoice.kind == "credit_note" else 1),
            corrects=invoice.corrects_id or 0,
            by_staff=any(row.kind == "credit" for row in rows[invoice.pk]),
        )
        for invoice in invoices
    )


def _line(row: InvoiceLine, invoice: Invoice, coupons: dict[int, Decimal], fees: dict[int, Fee]) -> Line:
    discount, fee = coupons.get(row.pk, Decimal(0)), fees.get(row.fee_id)
    net = row.amount.amount - discount
    earned = Earned.AT_END if row.kind in EARNED_AT_END else Earned.OVER
    if earned == Earned.OVER and fee is not None and fee.recognition == "once":
        earned = Earned.AT_START
    if earned == Earned.OVER and fee is not None and fee.recognition == "months":
        earned = Earned.MONTHS
    return Line(
        number=row.pk,
        net=-net if invoice.kind == "credit_note" else net,
        start=row.service_start,
        end=row.service_end,
        earned=earned,
        months=(fee and fee.recognition_months) or 0,
        by_day=fee is not None and fee.version.proration == "day",
        coupons=discount,
        is_pack=row.kind == "credit_pack",
        corrects=row.corrects_line_id or 0,
    )


def _purchases(books: SellerBooks) -> tuple[PurchaseFact, ...]:
    """Return the purchases; each is the only one of its wallet."""
    moves: dict[int, dict[str, list[tuple[datetime, Decimal]]]] = defaultdict(lambda: defaultdict(list))
    for row in Transaction.objects.filter(wallet__seller=books.seller, kind__in=("spend", "expire")).order_by("pk"):
        units = sum(entry.units for entry in row.entries.all() if entry.lot_id is not None)
        moves[row.wallet_id][row.kind].append((row.at, -units))
    purchases = Purchase.objects.filter(wallet__seller=books.seller).select_related("wallet").order_by("pk")
    return tuple(
        PurchaseFact(
            customer=row.wallet.customer_id,
            currency=str(row.currency),
            cost=row.net,
            units=row.units + row.bonus,
            uses=tuple(moves[row.wallet_id]["spend"]),
            expiries=tuple(moves[row.wallet_id]["expire"]),
        )
        for row in purchases
    )


def _periods(books: SellerBooks) -> tuple[PeriodFact, ...]:
    tiers = {
        version.pk: tuple((None if bound is None else Decimal(bound), Decimal(price)) for bound, price in TIERS[name])
        for name, version in books.versions.items()
    }
    billed: dict[int, list[tuple[datetime, Decimal]]] = defaultdict(list)
    for row in BilledUsage.objects.filter(line__invoice__seller=books.seller).select_related("line__invoice"):
        sign = -1 if row.line.invoice.kind == "credit_note" else 1
        billed[row.period_id].append((row.line.invoice.issued_at, sign * row.line.amount.amount))
    events: dict[int, list[Usage]] = defaultdict(list)
    facts = []
    for book in books.customers:
        if book.subscription is None:
            continue
        periods = list(
            Period.objects.filter(subscription=book.subscription).exclude(kind="undone").order_by("starts_at", "pk")
        )
        zone = ZoneInfo(str(book.customer.time_zone))
        for event in Event.objects.filter(customer_id=book.customer.pk).order_by("sequence"):
            for period in periods:
                if period.starts_at <= event.occurred_at < period.ends_at:
                    events[period.pk].append(
                        Usage(_hour(event.occurred_at, zone), event.received_at, Decimal(event.properties["n"]))
                    )
        for period in periods:
            graduated = books.versions["graduated"].pk == period.version_id
            facts.append(
                PeriodFact(
                    customer=book.customer.pk,
                    currency=book.currency,
                    start=period.starts_at,
                    end=period.ends_at,
                    tiers=tiers[period.version_id],
                    usage=tuple(events[period.pk]),
                    billed=tuple(billed[period.pk]),
                    arrears=(Decimal(29),) if graduated else (),
                    by_day=graduated,
                    closed_at=period.closed_at,
                )
            )
    return tuple(facts)


def _hour(at: datetime, zone: ZoneInfo) -> datetime:
    """Return the start of the hour by a customer's clock."""
    local = at.astimezone(zone)
    return at - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
