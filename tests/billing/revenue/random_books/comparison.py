"""Compare the product's books with the reckoner's, entry by entry and report by report."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

from billing.audit.records import revenue, role_balances
from billing.audit.shared_reads import Books as AuditBooks
from billing.models.postings import Role
from billing.revenue.ledger.books import read_books
from billing.revenue.ledger.live_postings import DETAILS
from billing.revenue.reports.entries import entries_sql, entry_parameters
from billing.revenue.reports.registry import read_report
from invoices.models import MonthLock
from lib import sql
from tests.billing.revenue.random_books.book_reader import read_ledger
from tests.billing.revenue.random_books.books import CURRENCIES, SellerBooks
from tests.billing.revenue.random_books.facts import Ledger
from tests.billing.revenue.random_books.reckoner import Entries, Entry, reckon, reckon_scheduled

MONTHS_SCHEDULED = 2


class Comparison(NamedTuple):
    """
    differences: book → the differences found in it; those of the whole seller have the number of its first book.
    tally: how often things happened in these books.
    """

    differences: dict[int, list[str]]
    tally: Counter[str]


def compare(books: SellerBooks) -> Comparison:
    found: dict[int, list[str]] = defaultdict(list)
    ledger = read_ledger(books)
    entries = reckon(ledger)
    numbers = {book.customer.pk: book.number for book in books.customers}
    posted = read_entries(books)
    for entry in sorted({*entries, *posted}):
        reckoned, stored = entries.get(entry, Fraction(0)), posted.get(entry, Fraction(0))
        if reckoned != stored:
            found[numbers[entry.customer]].append(f"{_text(entry)}: {float(stored)}, reckoned {float(reckoned)}")
    for currency in CURRENCIES:
        found[books.first] += _compare_reports(books, ledger, entries, currency)
    audit_books = AuditBooks()
    for check in (*revenue.CHECKS, *role_balances.CHECKS):
        finding = check.run(audit_books)
        found[books.first] += [f"audit: {check.name}: {row}" for row in finding.rows[:3]]
    return Comparison({number: texts for number, texts in found.items() if texts}, _tally(books, ledger, entries))


def _tally(books: SellerBooks, ledger: Ledger, entries: Entries) -> Counter[str]:
    notes = [document for document in ledger.documents if document.corrects]
    return Counter(
        {
            "books": len(books.customers),
            "sellers": 1,
            "invoices": len(ledger.documents) - len(notes),
            "credit notes": len(notes),
            "payments": len(ledger.payments),
            "write-offs": len(ledger.write_offs),
            "credit purchases": len(ledger.purchases),
            "uses of credits": sum(len(purchase.uses) for purchase in ledger.purchases),
            "expiries of credits": sum(len(purchase.expiries) for purchase in ledger.purchases),
            "billing periods": len(ledger.periods),
            "usage events": sum(len(period.usage) for period in ledger.periods),
            "locked months": len(ledger.locks),
            "unlocked months": MonthLock.objects.filter(seller=books.seller, unlocked_at__isnull=False).count(),
            "amounts by month and roles": len(entries),
            "of these booked after their service month": sum(entry.month != entry.service_month for entry in entries),
        }
    )


def read_entries(books: SellerBooks) -> Entries:
    """Return the frozen entries of locked months and the computed ones of open months."""
    months = read_books(books.seller, at=books.at)
    statement = f"""
    SELECT customer_id, currency, month, service_month, booked_month, source, debit, credit, sum(amount)
    FROM ({entries_sql(months, DETAILS)}) e GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 HAVING sum(amount) <> 0
    """  # noqa: S608
    return {Entry(*row[:-1]): Fraction(row[-1]) for row in sql.fetch_rows(statement, entry_parameters(months))}


def _text(entry: Entry) -> str:
    return (
        f"{entry.month:%Y-%m} (of {entry.service_month:%Y-%m}, first booked {entry.booked_month:%Y-%m})"
        f" {entry.source} {entry.debit} to {entry.credit} {entry.currency}"
    )


# Reports ------------------------------------------------------------------------------------------------------------

Cells = dict[tuple[str, str], Fraction]
"""(row, column) → amount, without zeros."""

INCOME = ("revenue", "breakage", "credit_notes", "discounts")


def _compare_reports(books: SellerBooks, ledger: Ledger, entries: Entries, currency: str) -> Iterator[str]:
    own = {entry: amount for entry, amount in entries.items() if entry.currency == currency}
    if not own:
        return
    expected = {
        "income": _income(own),
        "deferred": _deferred(own, books, ledger),
        "waterfall": _waterfall(own, ledger, currency),
        "trial-balance": _trial_balance(own),
    }
    months = {entry.month for entry in own}
    for code, cells in expected.items():
        options = {"since": min(months)} if code == "trial-balance" else {}
        report = read_report(code, books.seller, currency=currency, at=books.at, **options)
        (first, *_), columns = report.columns, {column for _, column in cells} | COMPARED[code]
        shown = {
            (_name(row.values.get(first.code), is_total=row.is_total), column): Fraction(amount)
            for row in report.rows
            for column in columns
            if (amount := row.values.get(column))
        }
        for key in sorted({*cells, *shown}):
            if cells.get(key, 0) != shown.get(key, 0):
                yield (
                    f"report {code} {currency} {key}: {float(shown.get(key, 0))}, reckoned {float(cells.get(key, 0))}"
                )


COMPARED = {
    "income": {"income"},
    "deferred": {"opening", "invoiced", "recognized", "credited", "written_off", "closing"},
    "waterfall": {"earned", "deferred", "total"},
    "trial-balance": {"closing"},
}


def _name(value: object, *, is_total: bool) -> str:
    if isinstance(value, date):
        return f"{value:%Y-%m}"
    return str(value).lower() if value else "total" if is_total else "before"


def _income(entries: Entries) -> Cells:
    cells: Cells = defaultdict(Fraction)
    for entry, amount in entries.items():
        month = f"{entry.month:%Y-%m}"
        cells[month, "income"] += amount * ((entry.credit in INCOME) - (entry.debit in INCOME))
    return _without_zeros(cells)


def _deferred(entries: Entries, books: SellerBooks, ledger: Ledger) -> Cells:
    cells: Cells = defaultdict(Fraction)
    for entry, amount in entries.items():
        if "deferred" not in (entry.debit, entry.credit):
            continue
        is_increase = entry.credit == "deferred"
        other = entry.debit if is_increase else entry.credit
        if other == "revenue":
            column = "recognized"
        else:
            column = "invoiced" if is_increase else "written_off" if entry.source == "write_off" else "credited"
        cells[f"{entry.month:%Y-%m}", column] += amount if is_increase else -amount
    balance = Fraction(0)
    month, last = ledger.first_month, max(read_books(books.seller, at=books.at).months)
    while month <= last:
        name = f"{month:%Y-%m}"
        cells[name, "opening"] = balance
        balance += sum(cells[name, column] for column in ("invoiced", "recognized", "credited", "written_off"))
        cells[name, "closing"] = balance
        month = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return _without_zeros(cells)


def _waterfall(entries: Entries, ledger: Ledger, currency: str) -> Cells:
    cells: Cells = defaultdict(Fraction)
    shown = _last_months(ledger)

    def add(booked: date, column: str, amount: Fraction) -> None:
        cells[f"{booked:%Y-%m}" if booked >= shown[0] else "before", column] += amount
        cells["lines", column] += amount

    for entry, amount in entries.items():
        roles = {entry.debit, entry.credit}
        column = f"earned:{entry.month:%Y-%m}" if entry.month >= shown[0] else "earned:before"
        for row, sign in _income_rows(entry):
            for name in (column, "earned"):
                if row == "lines":
                    add(entry.booked_month, name, sign * amount)
                else:
                    cells[row, name] += sign * amount
                cells["income", name] += sign * amount
            if row == "lines":
                add(entry.booked_month, "total", sign * amount)
        if "deferred" in roles:
            change = amount if entry.credit == "deferred" else -amount
            for name in ("deferred", "total", "scheduled:later"):
                add(entry.booked_month, name, change)
    for (name, booked, month), amount in reckon_scheduled(ledger, MONTHS_SCHEDULED).items():
        if name == currency:
            add(booked, f"scheduled:{month:%Y-%m}", amount)
            add(booked, "scheduled:later", -amount)
    return _without_zeros(cells)


def _income_rows(entry: Entry) -> Iterator[tuple[str, int]]:
    """Yield (row of the waterfall, sign) for the sides of an entry that are income."""
    sides = ((entry.credit, entry.debit, 1), (entry.debit, entry.credit, -1))
    for role, other, sign in sides:
        if role == "revenue":
            yield {"deferred": "lines", "unbilled": "lines", "prepaid": "prepaid"}.get(other, "discounts"), sign
        elif role in INCOME:
            yield role, sign


def _last_months(ledger: Ledger) -> list[date]:
    """Return the months with a row of their own, the latest six of the books."""
    month = ledger.at.astimezone(ZoneInfo(ledger.zone)).date().replace(day=1)
    months = []
    while month >= ledger.first_month and len(months) < 6:
        months.append(month)
        month = date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)
    return months[::-1]


def _trial_balance(entries: Entries) -> Cells:
    cells: Cells = defaultdict(Fraction)
    for entry, amount in entries.items():
        cells[str(Role(entry.debit).label).lower(), "closing"] += amount
        cells[str(Role(entry.credit).label).lower(), "closing"] -= amount
    return _without_zeros(cells)


def _without_zeros(cells: Cells) -> Cells:
    return {key: amount for key, amount in cells.items() if amount}
