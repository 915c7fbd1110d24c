"""Subscriptions of a revenue case, with usage sent as events, accrued and closed by the product's own code."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from billing.models import Accrual, Subscription
from billing.models.postings import Role
from billing.subscriptions.terms.coupons import apply_coupon
from invoices.documents.calendar_months import next_month
from invoices.models import Invoice
from tests.billing.revenue.accruals.accrual_setup import accrue_at, close, lock, metered, priced, subscribed, use
from tests.billing.revenue.book_setup import moment
from tests.billing.revenue.test_prepaid_value_is_earned_when_used import estimate
from tests.billing.revenue.test_prepaid_value_is_earned_when_used import use as spend_units
from tests.builders import (
    commitment,
    fee,
    make_coupon,
    make_customer,
    make_pack,
    make_plan,
    make_tax,
    make_wallet,
    subscribe,
)
from tests.builders import publish as publish_version
from tests.golden.case_figures import Figures
from tests.golden.cases import Case
from tests.golden.plan_setup import LONG_AGO
from tests.golden.revenue_book import Book, cell
from tests.golden.revenue_invoices import credit, pay
from wallets.purchases import PackOrder, buy, receive_payment

JANUARY = "2026-01"
"""The month of cases that name none."""

FIRST, END = f"{JANUARY}-01", "2026-02-01"
JUST_AFTER, CLOSED = "T00:00:01", "T02:00"
"""Times on the day after a period: before and after it is invoiced."""

AGGREGATIONS = {"sum": "sum", "last": "latest"}
POINTS = 10_000
"""Units of a pack, where the case does not say; the more are sold, the more stay unused."""


def accrue(book: Book, at: str) -> None:
    """Accrue what is due at a time, which becomes the book's."""
    counts = accrue_at(book.seller, at)
    assert not counts.failed, list(Accrual.objects.exclude(error="").values_list("error", flat=True))
    book.at = at


def metered_usage(book: Book, inputs: Case) -> None:
    """Use a feature at one price per unit in a period of a month, and close it; it ends before it is invoiced."""
    start, end = inputs["period"]
    assert inputs["invoiced"] <= end
    feature = metered(AGGREGATIONS[inputs["aggregation"]])
    subscription = subscribed([priced(feature, inputs["price"])], start, customer=book.customer)
    for day, quantity in inputs["events"]:
        use(subscription, feature, quantity, day)
    close(end + CLOSED)
    accrue(book, _a_month_after(end))


def usage_by_month(book: Book, inputs: Case) -> Figures:
    """Use a feature in both months of a period that ends on the day of its invoice; read the waterfall."""
    end = inputs["invoiced"]
    start = _a_month_before(end)
    feature = metered()
    subscription = subscribed([priced(feature, inputs["price"])], start, customer=book.customer)
    for month, quantity in inputs["usage"].items():
        use(subscription, feature, quantity, max(start, f"{month}-01") + "T12:00")
    close(end + CLOSED)
    accrue(book, _a_month_after(end))
    return {
        "booked": {month: row.values["total"] for month, row in book.waterfall().items()},
        "recognised": book.revenue(),
    }


def commitment_and_usage(book: Book, inputs: Case) -> Figures:
    """Use more or less than a month's commitment, and close the month."""
    subscription = _committed(book, inputs["commitment"])
    use(subscription, metered(), inputs["usage"], FIRST)
    accrue(book, END + JUST_AFTER)
    close(END + CLOSED)
    accrue(book, _a_month_after(END))
    return {"revenue": book.revenue(), "true_up": book.income()[JANUARY].get("kind:true_up", Decimal(0))}


def coupon_on_all(book: Book, inputs: Case) -> Figures:
    """Bill a month's fee and usage in arrears, with a coupon on both."""
    feature = metered()
    subscription = subscribed(
        [priced(feature, "1.00")],
        FIRST,
        anchor="calendar",
        customer=book.customer,
        fees=[fee(inputs["fee"], currency=book.currency, billed="arrears")],
    )
    coupon = make_coupon(percent=inputs["coupon_percent"], duration="forever")
    apply_coupon(subscription=subscription, coupon=coupon, at=moment(FIRST))
    use(subscription, feature, inputs["usage"], FIRST)
    close(END + CLOSED)
    accrue(book, f"{END}T03:00")
    income = book.income()[JANUARY]
    return {
        "fee_net": income["kind:base_fees"],
        "usage_net": income["kind:usage"],
        "booked": book.waterfall()[JANUARY].values["total"],
    }


def late_usage(book: Book, inputs: Case) -> Figures:
    """Bill a month, lock it, and send more of its usage, which the next month bills."""
    feature = metered()
    subscription = subscribed([priced(feature, "1.00")], FIRST, anchor="calendar", customer=book.customer)
    use(subscription, feature, inputs["january"], FIRST)
    close(END + CLOSED)
    accrue(book, f"{END}T03:00")
    for month in inputs["locked"]:
        lock(book.seller, month, at=f"{END}T04:00")
    use(subscription, feature, inputs["late"], FIRST, received=inputs["arrived"])
    close(_a_month_after(END) + CLOSED)
    accrue(book, f"{_a_month_after(END)}T03:00")
    return {"booked": book.revenue(), "by_service_month": book.revenue_by_service_month()}


def full_lifecycle(book: Book, inputs: Case) -> Figures:
    """Bill a year in advance with tax, paid and partly credited, and usage below a month's commitment."""
    annual = Decimal(inputs["annual"])
    make_tax(Decimal(inputs["tax"]) / annual * 100, seller=book.seller)
    version = publish_version(make_plan(fees=[fee(annual, currency=book.currency)], interval="year"), LONG_AGO)
    subscribe(book.customer, version, moment(FIRST), currency=book.currency)
    close(FIRST)
    invoice = Invoice.objects.get(customer=book.customer)
    pay(book, invoice, inputs["paid"], at=FIRST)
    use(_committed(book, inputs["commitment"]), metered(), inputs["usage"], FIRST)
    day, amount = inputs["credit_note"]
    credit(book, amount, at=day, to="balance")
    accrue(book, END + JUST_AFTER)
    income = book.income()[JANUARY]
    parts = {"subscription": "base_fees", "usage": "usage", "true_up": "true_up", "credit_note": "credit_notes"}
    return {
        f"revenue {JANUARY}": income["income"],
        "parts": {part: income[f"kind:{kind}"] for part, kind in parts.items()},
        "deferred": book.balance(Role.DEFERRED),
        "unbilled": book.balance(Role.UNBILLED),
        "tax": sum((cell(row, "invoiced") for row in book.rows("tax")), Decimal(0)),
        "cash": book.changes(Role.CASH)[JANUARY],
    }


def prepaid_points(book: Book, inputs: Case, price: str) -> Figures:
    """
    Sell units, and use them in years with an estimate each; return revenue and breakage by year.

    A price without decimals is in a currency without a minor unit, so that revenue is rounded as in the case.
    """
    book.currency = "JPY"
    book.customer = make_customer(currency=book.currency)
    wallet, units = make_wallet(book.customer, currency=book.currency), Decimal(inputs.get("units", POINTS))
    make_pack("points", units=units, prices={book.currency: Decimal(price)})
    for number, year in enumerate(inputs["years"]):
        first = f"{2026 + number}-01-01"
        unused = (units - Decimal(year["expected_used"])) / units * 100
        estimate(wallet, str(unused), first)
        if not number:
            purchase = buy(wallet_id=wallet.pk, order=PackOrder("points", "first"), at=moment(first))
            due = purchase.invoice.due
            receive_payment(
                invoice_id=purchase.invoice_id, amount=due, method="manual", reference="bank", at=moment(first)
            )
        spend_units(wallet, str(year["used"]), at=f"{2026 + number}-06-15")
    book.at = f"{2026 + len(inputs['years'])}-01-01"
    years: dict[str, Decimal] = {}
    for month, cells in sorted(book.income().items()):
        years[month[:4]] = years.get(month[:4], Decimal(0)) + cells["income"]
    return {"revenue": list(years.values())}


def _committed(book: Book, minimum: str) -> Subscription:
    return subscribed(
        [priced(metered(), "1.00")],
        FIRST,
        anchor="calendar",
        customer=book.customer,
        commitments=[commitment(minimum, currency=book.currency)],
    )


def _a_month_after(day: str) -> str:
    return next_month(date.fromisoformat(day).replace(day=1)).replace(day=int(day[8:])).isoformat()


def _a_month_before(day: str) -> str:
    first = datetime.fromisoformat(day).replace(day=1) - timedelta(days=1)
    return first.replace(day=int(day[8:])).date().isoformat()
