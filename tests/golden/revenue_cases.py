"""
Runs a case of revenue.json on a real database, by the keys of its inputs: invoices, payments, credit notes, usage,
wallets and month locks through the product's own functions, and figures from its reports.
"""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

from billing.models.postings import Role
from invoices.amounts.totals import Tax
from invoices.documents.calendar_months import next_month
from invoices.documents.past_due import mark_overdue
from invoices.models import Invoice
from invoices.payments.dunning.dunning_run import run_dunning
from lib.money import allocate
from tests.billing.revenue.book_setup import issue_invoice, line, moment, postings
from tests.golden import revenue_rates, revenue_subscriptions
from tests.golden.case_figures import Figures
from tests.golden.cases import Case, wanted_figures
from tests.golden.revenue_book import Book, cell, texts
from tests.golden.revenue_figures import read_figures
from tests.golden.revenue_invoices import DAY, bill, open_books, pay, recognized_over
from tests.golden.revenue_subscriptions import END, FIRST, JANUARY


def figures(case: Case) -> Figures:
    """Return the figures of our books for everything that a case expects, and for our stated ones if it differs."""
    return RUNNERS[case["kind"]](case)


def _by_inputs(case: Case) -> Figures:
    """
    Run a case by the runner that reads the most of its inputs; a key that it leaves unread fails the run.

    No runner reads the inputs of a capability that we lack.
    """
    inputs = case["inputs"]
    readable = [keys for keys in RUNNERS_BY_KEYS if {*keys.split()} <= {*dict.keys(inputs)}]
    if not readable:
        return {}
    book = Book()
    run = RUNNERS_BY_KEYS[max(readable, key=lambda keys: len(keys.split()))]
    found = run(book, inputs) or read_figures(book, wanted_figures(case))
    book.prove()
    return found


def _lines(book: Book, inputs: Case) -> None:
    """Read the books when everything is earned, and at the latest two months after the last date of a case."""
    bill(book, inputs)
    last = max(day for day in texts(inputs) if day[:2] == "20")
    book.at = (moment(last) + 62 * DAY).date().isoformat()


def _one_line(book: Book, inputs: Case) -> None:
    _lines(book, {"lines": [{"net": inputs["net"], "service": inputs["service"]}]})


def _credited_line(book: Book, inputs: Case) -> Figures:
    """A line with a credit note: figures of the month of the note, and of the next."""
    service, note = inputs["service"], inputs["credit_note"]
    _lines(book, {"lines": [{"net": inputs["net"], "service": service}], "credit_note": note})
    first = date.fromisoformat(note[0]).replace(day=1)
    month, after = f"{first:%Y-%m}", f"{next_month(first):%Y-%m}"
    name, name_after = (f"{one:%B}".lower() for one in (first, next_month(first)))
    (deferred,) = [row for row in book.rows("deferred") if row.values["month"] == first]
    return {
        "contra": book.changes(Role.CREDIT_NOTES)[month],
        "off_deferred": -cell(deferred, "credited"),
        f"revenue_{name}_with_contra": book.income()[month]["income"],
        f"revenue_{name_after}": book.revenue()[after],
        f"deferred_after_{name}": cell(deferred, "closing"),
    }


def _inclusive_line(book: Book, inputs: Case) -> None:
    """A line whose last day is part of it; it is invoiced at the start of the year."""
    end = date.fromisoformat(inputs["to_inclusive"]) + DAY
    about = {
        "net": inputs["net"],
        "service": [inputs["from"], end.isoformat()],
        "issued": f"{inputs['from'][:4]}-01-01",
    }
    granularity = {"granularity": inputs["granularity"]} if "granularity" in inputs else {}
    _lines(book, {"lines": [about], **granularity})


def _months(book: Book, inputs: Case) -> Figures:
    """A one-time fee that is recognized over a number of months."""
    start, count = inputs.get("from", FIRST), int(inputs["months"])
    fields = recognized_over(count)
    end = (moment(start) + 31 * (count + 2) * DAY).date().isoformat()
    issue_invoice(book.customer, [line(inputs["net"], start, end, **fields)], at=start)
    book.at = end
    return {"months": [amount for _month, amount in sorted(book.revenue().items())]}


def _days(book: Book, inputs: Case) -> Figures:
    """A line over a number of days, read at the end of each."""
    start, days = moment(FIRST), int(inputs["days"])
    bill(book, {"lines": [{"net": inputs["net"], "service": [FIRST, (start + days * DAY).date().isoformat()]}]})
    book.at = (start + days * DAY).date().isoformat()
    ends = [start + number * DAY for number in range(1, days + 1)]
    earned = [sum(book.revenue(at=end).values(), Decimal(0)) for end in ends]
    of_days = sum((now - before for before, now in zip([Decimal(0), *earned], earned, strict=False)), Decimal(0))
    return {"sum_of_rounded_days": of_days, "true_up_at_issue": Decimal(inputs["net"]) - of_days}


def _payment(book: Book, inputs: Case) -> Figures:
    """A claim without a service period, its payment and its recognition."""
    invoice = issue_invoice(book.customer, [line(inputs["payment"], FIRST, FIRST)], at=FIRST, currency=book.currency)
    pay(book, invoice, inputs["payment"], at=FIRST)
    book.at = END
    rows = postings(book.seller, at=END)
    order = [role.value for role in Role]
    entries = [(row["debit"], row["credit"], row["amount"]) for row in rows]
    return {
        "entries": sorted(entries, key=lambda entry: order.index(entry[0])),
        "balances": {role.value: book.changes(role)[JANUARY] for role in (Role.CASH, Role.REVENUE)},
    }


def _tax_inside(book: Book, inputs: Case) -> Figures:
    """A line that includes its tax and is invoiced within its service period; books begin with the service."""
    start, end = inputs["service"]
    open_books(book, start)
    taxes = (Tax("VAT", Decimal(inputs["tax_rate"])),)
    lines = [line(inputs["total"], start, end, taxes=taxes)]
    issue_invoice(book.customer, lines, at=inputs["issued"], currency=book.currency, includes_tax=True)
    book.at = end
    before = inputs["issued"][:7]
    unbilled = book.changes(Role.UNBILLED)
    return {"accrued": {month: amount for month, amount in unbilled.items() if month < before}}


def _dispute_lost(book: Book, inputs: Case) -> Figures:
    """A month's line that is paid, and disputed later; income is net of credit notes."""
    first = f"{inputs['month']}-01"
    end = (moment(first) + 31 * DAY).replace(day=1).date().isoformat()
    _lines(book, {"lines": [{"net": inputs["earned"], "service": [first, end]}], "dispute": inputs["lost"]})
    return {"revenue": {month: cells["income"] for month, cells in book.income().items()}}


def _overdue(book: Book, inputs: Case) -> Figures:
    """An invoice with tax whose due date has passed, of a seller without dunning steps."""
    due = moment(inputs["overdue"])
    start, end = (due - 45 * DAY).date().isoformat(), (due - 14 * DAY).date().isoformat()
    taxes = (Tax("VAT", Decimal(inputs["tax"]) / Decimal(inputs["net"]) * 100),)
    open_books(book, start)
    invoice = issue_invoice(book.customer, [line(inputs["net"], start, end, taxes=taxes)], at=end)
    after = due + DAY + timedelta(hours=1)
    mark_overdue(at=after)
    run_dunning(at=after)
    assert Invoice.objects.get(pk=invoice.pk).state == "overdue"
    book.at = f"{after:%Y-%m-%dT%H:%M}"
    return {
        "bad_debt": sum(book.changes(Role.BAD_DEBT).values(), Decimal(0)),
        "revenue_change": book.revenue().get(f"{due:%Y-%m}", Decimal(0)),
    }


def _tax_of_lines(book: Book, inputs: Case) -> Figures:
    """The tax of one invoice with all lines, and that of an invoice for each of them."""
    taxes = (Tax("VAT", Decimal(inputs["tax_rate"])),)
    lines = [line(net, FIRST, END, taxes=taxes) for net in inputs["lines"]]
    whole = issue_invoice(book.customer, lines, at=FIRST)
    single = [issue_invoice(book.customer, [one], at=FIRST) for one in lines]
    book.at = END
    reported = sum((cell(row, "total") for row in book.rows("tax")), Decimal(0))
    assert reported == sum(invoice.tax.amount for invoice in [whole, *single])
    return {"per_document": whole.tax.amount, "per_line": sum(invoice.tax.amount for invoice in single)}


def _points(book: Book, inputs: Case) -> Figures:
    return revenue_subscriptions.prepaid_points(book, inputs, inputs["price"])


def _shared_points(book: Book, inputs: Case) -> Figures:
    """Points sold with goods. Finance allocates the price to both by hand, so that only the points are recognized."""
    prices = [Decimal(inputs["sales"]), Decimal(inputs["points_ssp"])]
    _goods, points = allocate(prices[0], prices, Decimal(1))
    return revenue_subscriptions.prepaid_points(book, inputs, str(points))


RUNNERS_BY_KEYS: dict[str, Callable[[Book, Case], Figures | None]] = {
    "lines": _lines,
    "lines tax_rate": _tax_of_lines,
    "net service": _one_line,
    "net service credit_note": _credited_line,
    "net from to_inclusive": _inclusive_line,
    "net months": _months,
    "net days": _days,
    "payment": _payment,
    "total tax_rate service issued": _tax_inside,
    "earned month lost": _dispute_lost,
    "net tax overdue": _overdue,
    "price aggregation period events invoiced": revenue_subscriptions.metered_usage,
    "price usage invoiced": revenue_subscriptions.usage_by_month,
    "commitment usage": revenue_subscriptions.commitment_and_usage,
    "annual tax usage commitment credit_note paid": revenue_subscriptions.full_lifecycle,
    "fee usage coupon_percent": revenue_subscriptions.coupon_on_all,
    "january late arrived locked": revenue_subscriptions.late_usage,
    "price units years": _points,
    "sales points_ssp years": _shared_points,
    "amount rate_issue rate_payment": revenue_rates.payment_at_another_rate,
    "invoices kept NOKUSD": revenue_rates.books_apart,
    "eur issue closing": revenue_rates.year_in_advance,
}
"""The keys of the inputs → the runner. One that returns nothing leaves the figures to `read_figures`."""

RUNNERS: dict[str, Callable[[Case], Figures]] = {"life": _by_inputs}
