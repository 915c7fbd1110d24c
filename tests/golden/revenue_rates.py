"""Revenue cases that report the books of several currencies in one; the seller's books are in dollars."""

from datetime import date
from decimal import Decimal

from billing.revenue.reports.conversion import read_report_currency
from billing.revenue.reports.entries import currencies_of
from billing.revenue.reports.registry import read_report
from billing.revenue.reports.table import Row
from customers.exchange_rates.ecb_file import PublishedRate
from customers.exchange_rates.stored_rates import import_rates
from tests.billing.revenue.book_setup import issue_invoice, line, moment
from tests.golden.case_figures import Figures
from tests.golden.cases import Case
from tests.golden.revenue_book import Book, cell
from tests.golden.revenue_invoices import pay
from tests.golden.revenue_subscriptions import END, FIRST

DOLLARS = "USD"
LAST = "2026-01-31"
YEAR_END = "2027-01-01"


def payment_at_another_rate(book: Book, inputs: Case) -> Figures:
    """An invoice of January that is paid on its last day."""
    amount, book.currency = inputs["amount"].split()
    _store({(FIRST, DOLLARS): inputs["rate_issue"], (LAST, DOLLARS): inputs["rate_payment"]})
    pay(book, _issue(book, amount, book.currency, until=END), amount, at=LAST)
    book.at = END
    balances = {row.values["role"]: cell(row, "closing") for row in _rows(book, "trial-balance")}
    return {
        "revenue": -balances["revenue"],
        "cash": balances["cash"],
        "fx_loss": balances["exchange differences"],
    }


def books_apart(book: Book, inputs: Case) -> Figures:
    """Invoices of January; those in a currency that the seller keeps books in are reported apart."""
    _store({(FIRST, DOLLARS): "1", (FIRST, "NOK"): str(1 / Decimal(inputs["NOKUSD"]))})
    for text in inputs["invoices"]:
        amount, currency = text.split()
        _issue(book, amount, currency, until=END)
    book.at = END
    apart = [currency for currency in inputs["kept"] if currency != DOLLARS]
    income = {DOLLARS: _january(book, "income", apart=apart)} | {book.currency: book.rows("income")[0]}
    return {"revenue": {currency: cell(row, "income") for currency, row in income.items()}}


def year_in_advance(book: Book, inputs: Case) -> Figures:
    """An invoice for a year, read at the end of its first month."""
    _store({(FIRST, DOLLARS): inputs["issue"], (LAST, DOLLARS): inputs["closing"]})
    _issue(book, inputs["eur"], "EUR", until=YEAR_END)
    book.at = END
    receivables = _january(book, "receivables")
    return {
        "revenue_usd_january": cell(_january(book, "income"), "income"),
        "deferred_usd": cell(_january(book, "deferred"), "closing"),
        "receivable_usd": cell(receivables, "closing"),
        "unrealised_gain": cell(receivables, "exchange"),
    }


def _store(rates: dict[tuple[str, str], str]) -> None:
    """Store rates. rates: day and currency → units per euro."""
    published = [PublishedRate(date.fromisoformat(day), name, Decimal(rate)) for (day, name), rate in rates.items()]
    import_rates(published, at=moment(YEAR_END))


def _issue(book: Book, amount: str, currency: str, *, until: str):
    return issue_invoice(book.customer, [line(amount, FIRST, until)], at=FIRST, currency=currency)


def _january(book: Book, code: str, *, apart: list[str] | None = None) -> Row:
    (row,) = [row for row in _rows(book, code, apart=apart) if row.values["month"] == date.fromisoformat(FIRST)]
    return row


def _rows(book: Book, code: str, *, apart: list[str] | None = None) -> list[Row]:
    """Return the rows of a report in dollars; of the trial balance, for January."""
    at, seller = moment(book.at), book.seller
    into = read_report_currency(seller, DOLLARS, currencies=currencies_of(seller, at=at), at=at, apart=apart or [])
    until = date.fromisoformat(FIRST) if code == "trial-balance" else None
    return list(read_report(code, seller, currency=DOLLARS, at=at, until=until, into=into).rows)
