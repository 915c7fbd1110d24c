"""
An independent reckoner of the books: from plain facts, day by day, with fractions. It shares no code with the
product.

It knows one law: an amount is booked in the month it belongs to, and if that month is locked, in the first open one
as the difference from everything booked before. So it computes what each lock could know, in the order of the locks,
and then what is known at the end.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tests.billing.revenue.random_books.facts import Document, Earned, Ledger, Line, Period, Purchase, WriteOff

PLACES = {"EUR": 2, "USD": 2, "JPY": 0, "KWD": 3}
_TICK = timedelta(microseconds=1)


class Entry(NamedTuple):
    """The details of an amount that moves from `credit` to `debit`."""

    customer: int
    currency: str
    month: date
    service_month: date
    booked_month: date
    source: str
    debit: str
    credit: str


class Movement(NamedTuple):
    """An amount by the places of its service month and of the month it is first booked in, counted from 0."""

    customer: int
    currency: str
    service: int
    booked: int
    source: str
    debit: str
    credit: str
    amount: Fraction


Entries = dict[Entry, Fraction]


def reckon(ledger: Ledger) -> Entries:
    """Return the amounts of all months, up to the time of reading."""
    booked: Entries = {}
    for lock in ledger.locks:
        _add(booked, _differences(_known(ledger, at=lock.at), booked, until=lock.month, into=lock.month))
    first_open = _next_month(ledger.locks[-1].month) if ledger.locks else ledger.first_month
    now = _known(ledger, at=ledger.at)
    late = _differences(now, booked, until=_month_before(first_open), into=first_open)
    for amounts in (late, {entry: amount for entry, amount in now.items() if entry.month >= first_open}):
        _add(booked, amounts)
    return {entry: amount for entry, amount in booked.items() if amount}


def reckon_scheduled(ledger: Ledger, months_ahead: int) -> dict[tuple[str, date, date], Fraction]:
    """Return (currency, month first booked, month) → the deferred revenue that is earned later, in these months."""
    calendar = _calendar(ledger, ledger.at, months_ahead)
    amounts: Counter[tuple[str, date, date]] = Counter()
    for movement in _movements(ledger, calendar, ledger.at):
        if movement.service > calendar.running and {movement.debit, movement.credit} == {"deferred", "revenue"}:
            sign = 1 if movement.credit == "revenue" else -1
            key = movement.currency, calendar.months[movement.booked], calendar.months[movement.service]
            amounts[key] += sign * movement.amount
    return dict(amounts)


def _add(entries: Entries, more: Entries) -> None:
    for entry, amount in more.items():
        entries[entry] = entries.get(entry, Fraction(0)) + amount


def _differences(known: Entries, booked: Entries, *, until: date, into: date) -> Entries:
    """Return what is known of the months up to `until`, less what was booked of them, booked into a month."""
    differences = {entry: amount for entry, amount in known.items() if entry.month <= until}
    _add(differences, {entry: -amount for entry, amount in _by_service(booked).items()})
    return {entry._replace(month=into): amount for entry, amount in differences.items() if amount}


def _by_service(booked: Entries) -> Entries:
    """Return booked amounts in the months that they belong to."""
    amounts: Entries = {}
    for entry, amount in booked.items():
        _add(amounts, {entry._replace(month=entry.service_month): amount})
    return amounts


def _known(ledger: Ledger, *, at: datetime) -> Entries:
    """Return the amounts that follow from the facts entered by a time, each in its service month."""
    calendar = _calendar(ledger, at)
    amounts: Entries = {}
    for movement in _movements(ledger, calendar, at):
        if movement.amount and movement.service <= calendar.running:
            service, booked = calendar.months[movement.service], calendar.months[movement.booked]
            entry = Entry(
                *(movement.customer, movement.currency, service, service, booked),
                *(movement.source, movement.debit, movement.credit),
            )
            amounts[entry] = amounts.get(entry, Fraction(0)) + movement.amount
    return amounts


# Months -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Calendar:
    """The months of the books as of a time. ends: the running month ends at that time. running: its place."""

    months: list[date]
    ends: list[datetime]
    running: int
    zone: ZoneInfo

    def place(self, at: datetime) -> int:
        return min(bisect_right(self.ends, at), len(self.ends) - 1)


def _calendar(ledger: Ledger, at: datetime, months_ahead: int = 0) -> _Calendar:
    zone = ZoneInfo(ledger.zone)
    locked = {lock.month: lock.ends_at for lock in ledger.locks if lock.at <= at}
    running = at.astimezone(zone).date().replace(day=1)
    months, ends, month = [], [], ledger.first_month
    while month < running:
        months.append(month)
        ends.append(locked.get(month) or _midnight(_next_month(month), zone))
        month = _next_month(month)
    months.append(month)
    ends.append(at)
    for _ in range(months_ahead):
        months.append(month)
        month = _next_month(month)
        ends.append(_midnight(month, zone))
    return _Calendar(months, ends, len(months) - 1 - months_ahead, zone)


def _next_month(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def _month_before(month: date) -> date:
    return (month - timedelta(days=1)).replace(day=1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


# Schedules ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Schedule:
    """The span [start, end) over which an amount is earned; at that instant if both are equal."""

    start: datetime
    end: datetime
    by_day: bool
    zone: ZoneInfo

    def earned(self, net: Fraction, at: datetime, places: int) -> Fraction:
        if at >= self.end:
            return net
        if at <= self.start:
            return Fraction(0)
        elapsed, whole = self._elapsed(at), self._elapsed(self.end)
        return _rounded(net * elapsed / max(whole, 1), places)

    def _elapsed(self, at: datetime) -> int:
        """Return the days before the one of `at`, or the microseconds before `at`."""
        days, before = _walk(self.start, self.end, self.zone, self.by_day)
        place = bisect_right(days, at) - 1
        if self.by_day:
            return before[place]
        return before[place] + (at - max(days[place], self.start)) // _TICK


@lru_cache(maxsize=10_000)
def _walk(start: datetime, end: datetime, zone: ZoneInfo, by_day: bool) -> tuple[list[datetime], list[int]]:
    """Return the instants at which the days of a span begin, and what of the span has passed before each."""
    day, passed = start.astimezone(zone).date(), 0
    days: list[datetime] = []
    before: list[int] = []
    while (begins := _midnight(day, zone)) <= end:
        days.append(begins)
        before.append(passed)
        day += timedelta(days=1)
        passed += 1 if by_day else (min(_midnight(day, zone), end) - max(begins, start)) // _TICK
    return days, before


def _schedule(line: Line, zone: ZoneInfo) -> _Schedule:
    start, end = line.start, line.end
    if line.earned == Earned.AT_END:
        start = end
    elif line.earned == Earned.AT_START or end <= start:
        # The first instant of a month belongs to it, while the end of a span belongs to the month that ends.
        start = end = start + _TICK
    elif line.earned == Earned.MONTHS:
        end = _months_later(start, line.months, zone)
    return _Schedule(start, end, line.by_day, zone)


def _months_later(start: datetime, count: int, zone: ZoneInfo) -> datetime:
    local = start.astimezone(zone)
    month = local.date().replace(day=1)
    for _ in range(count):
        month = _next_month(month)
    last_day = (_next_month(month) - timedelta(days=1)).day
    day = month.replace(day=min(local.day, last_day))
    return datetime.combine(day, local.time(), zone).astimezone(UTC)


def _rounded(amount: Fraction, places: int) -> Fraction:
    """Return an amount rounded half away from zero."""
    units = abs(amount) * 10**places
    whole = (2 * units.numerator + units.denominator) // (2 * units.denominator)
    return Fraction(whole if amount > 0 else -whole, 10**places)


# Movements ----------------------------------------------------------------------------------------------------------


def _movements(ledger: Ledger, calendar: _Calendar, at: datetime) -> Iterator[Movement]:
    """Yield what follows from the facts entered by a time."""
    documents = {document.number: document for document in ledger.documents if document.at <= at}
    lines = {line.number: (document, line) for document in documents.values() for line in document.lines}
    for document in documents.values():
        yield from _document(ledger, calendar, document, lines)
    for payment in ledger.payments:
        if payment.at <= at:
            document = documents[payment.document]
            place = calendar.place(max(payment.paid_at, document.at))
            yield Movement(
                *(document.customer, document.currency, place, place, "payment", payment.role, "receivable"),
                Fraction(payment.amount),
            )
    for change in ledger.balance_changes:
        if change.at <= at:
            place = calendar.place(change.at)
            yield Movement(
                *(change.customer, change.currency, place, place, "balance", change.role, "customer_balance"),
                Fraction(change.amount),
            )
    for refund in ledger.refunds:
        steps = [(refund.paid_at, "refunds_payable", "cash")]
        if refund.note:
            steps.append((refund.at, "receivable", "refunds_payable"))
        for when, debit, credit in steps:
            if when is not None and when <= at:
                place = calendar.place(when)
                yield Movement(
                    *(refund.customer, refund.currency, place, place, "refund", debit, credit),
                    Fraction(refund.amount),
                )
    for write_off in ledger.write_offs:
        if write_off.at <= at:
            yield from _write_off(ledger, calendar, write_off, documents, at)
    for purchase in ledger.purchases:
        yield from _purchase(ledger, calendar, purchase, at)
    for period in ledger.periods:
        yield from _period(calendar, period, at)


def _document(
    ledger: Ledger, calendar: _Calendar, document: Document, lines: dict[int, tuple[Document, Line]]
) -> Iterator[Movement]:
    issued = calendar.place(document.at)
    owner = document.customer, document.currency
    if document.tax > 0:
        yield Movement(*owner, issued, issued, "invoice", "receivable", "tax", Fraction(document.tax))
    if document.tax < 0:
        yield Movement(*owner, issued, issued, "invoice", "tax", "receivable", Fraction(-document.tax))
    for line in document.lines:
        if document.by_staff:
            _, credited = lines[line.corrects]
            taken = Fraction(-line.net)
            yield from _taken_back(calendar, owner, credited, taken, document.at, "line", "credit_notes")
        else:
            yield from _line(ledger, calendar, document, line)


def _line(ledger: Ledger, calendar: _Calendar, document: Document, line: Line) -> Iterator[Movement]:
    issued, net, places = calendar.place(document.at), Fraction(line.net), PLACES[document.currency]
    owner = document.customer, document.currency
    if line.is_pack:
        yield Movement(*owner, issued, issued, "line", "receivable", "prepaid", net)
        return
    schedule, coupons = _schedule(line, calendar.zone), Fraction(line.coupons)
    earned = discounted = unbilled = Fraction(0)
    for place, end in enumerate(calendar.ends):
        is_unbilled = place < issued
        booked = place if is_unbilled else issued
        earned_by, discounted_by = (schedule.earned(amount, end, places) for amount in (net, coupons))
        role = "unbilled" if is_unbilled else "deferred"
        yield Movement(*owner, place, booked, "line", role, "revenue", earned_by - earned)
        if ledger.discounts_from is not None and calendar.months[place] >= ledger.discounts_from:
            yield Movement(*owner, place, booked, "line", "discounts", "revenue", discounted_by - discounted)
        earned, discounted = earned_by, discounted_by
        if is_unbilled:
            unbilled = earned
    yield Movement(*owner, issued, issued, "line", "receivable", "deferred", net - unbilled)
    yield Movement(*owner, issued, issued, "line", "receivable", "unbilled", unbilled)


def _earned_share(calendar: _Calendar, currency: str, line: Line, taken: Fraction, at: datetime) -> Fraction:
    return _schedule(line, calendar.zone).earned(taken, at, PLACES[currency])


def _taken_back(
    calendar: _Calendar, owner: tuple[int, str], line: Line, taken: Fraction, at: datetime, source: str, role: str
) -> Iterator[Movement]:
    """Yield a part of a line that is taken back: its earned part by `role`, the rest from deferred revenue."""
    issued, schedule, places = calendar.place(at), _schedule(line, calendar.zone), PLACES[owner[1]]
    earned = schedule.earned(taken, at, places)
    yield Movement(*owner, issued, issued, source, role, "receivable", earned)
    yield Movement(*owner, issued, issued, source, "deferred", "receivable", taken - earned)
    for place in range(issued, len(calendar.ends)):
        earned_by = schedule.earned(taken, calendar.ends[place], places)
        yield Movement(*owner, place, issued, source, "revenue", "deferred", earned_by - earned)
        earned = earned_by


def _write_off(
    ledger: Ledger, calendar: _Calendar, write_off: WriteOff, documents: dict[int, Document], at: datetime
) -> Iterator[Movement]:
    invoice = documents[write_off.document]
    owner, places = (invoice.customer, invoice.currency), PLACES[invoice.currency]
    place = calendar.place(write_off.at)
    notes = [note for note in documents.values() if note.corrects == invoice.number]
    before = [note for note in notes if note.at < write_off.at]
    payments = [payment for payment in ledger.payments if payment.document == invoice.number and payment.at <= at]
    due = (
        Fraction(invoice.total)
        + sum(Fraction(note.total) + _returned(ledger, note) for note in before)
        - sum(Fraction(payment.amount) for payment in payments if payment.at < write_off.at)
    )
    tax = _rounded(due * Fraction(invoice.tax) / Fraction(invoice.total), places)
    shares = _shares(invoice, before, due - tax, places)
    debt = Fraction(0)
    for line, share in shares:
        yield from _taken_back(calendar, owner, line, share, write_off.at, "write_off", "bad_debt")
        debt += _earned_share(calendar, invoice.currency, line, share, write_off.at)
    role = "tax" if ledger.reverses_tax else "bad_debt"
    yield Movement(*owner, place, place, "write_off", role, "receivable", tax)
    reversed_tax = tax if ledger.reverses_tax else Fraction(0)
    debt += tax - reversed_tax
    cleared = [(pay.at, Fraction(pay.amount)) for pay in payments if pay.at > write_off.at]
    cleared += [
        (note.at, -Fraction(note.total) - _returned(ledger, note)) for note in notes if note.at > write_off.at
    ]
    total = Fraction(0)
    for when, amount in sorted(cleared):
        back = {
            name: _rounded((total + amount) * part / due, places) - _rounded(total * part / due, places)
            for name, part in (("bad_debt", debt), ("tax", reversed_tax))
        }
        back["recoveries"] = amount - sum(back.values())
        total += amount
        later = calendar.place(when)
        for name, part in back.items():
            yield Movement(*owner, later, later, "write_off", "receivable", name, part)


def _returned(ledger: Ledger, note: Document) -> Fraction:
    """Return what a credit note gives back to the balance or as a refund, which doesn't clear the receivable."""
    changes = (change.amount for change in ledger.balance_changes if change.note == note.number)
    refunds = (refund.amount for refund in ledger.refunds if refund.note == note.number)
    return sum(map(Fraction, (*changes, *refunds)), Fraction(0))


def _shares(invoice: Document, notes: list[Document], amount: Fraction, places: int) -> list[tuple[Line, Fraction]]:
    """Return the part of an amount for each line, by what credit notes have left of it."""
    credited: Counter[int] = Counter()
    for note in notes:
        for line in note.lines:
            credited[line.corrects] += Fraction(line.net)
    left = [(line, Fraction(line.net) + credited[line.number]) for line in invoice.lines]
    whole = sum(part for _, part in left)
    shares, running, given = [], Fraction(0), Fraction(0)
    for line, part in left:
        running += part
        given_by = _rounded(amount * running / whole, places) if whole else Fraction(0)
        shares.append((line, given_by - given))
        given = given_by
    return shares


def _purchase(ledger: Ledger, calendar: _Calendar, purchase: Purchase, at: datetime) -> Iterator[Movement]:
    owner, places, cost = (purchase.customer, purchase.currency), PLACES[purchase.currency], Fraction(purchase.cost)
    uses, expiries = (
        [(calendar.place(when), Fraction(units)) for when, units in moved if when <= at]
        for moved in (purchase.uses, purchase.expiries)
    )
    revenue = breakage = Fraction(0)
    for place in range(calendar.running + 1):
        used, expired = (
            cost * sum(units for moved, units in steps if moved <= place) / Fraction(purchase.units)
            for steps in (uses, expiries)
        )
        expected = _expected_breakage(ledger, calendar.months[place], at)
        ahead = min(used * expected / (100 - expected), cost - used - expired)
        revenue_by = _rounded(used, places)
        breakage_by = _rounded(used + expired + ahead, places) - revenue_by
        yield Movement(*owner, place, place, "purchase", "prepaid", "revenue", revenue_by - revenue)
        yield Movement(*owner, place, place, "purchase", "prepaid", "breakage", breakage_by - breakage)
        revenue, breakage = revenue_by, breakage_by


def _expected_breakage(ledger: Ledger, month: date, at: datetime) -> Fraction:
    """Return the percentage that holds in a month: the latest row of the latest month."""
    rows = [
        (estimate.month, place, estimate.percent)
        for place, estimate in enumerate(ledger.estimates)
        if estimate.at <= at and estimate.month <= month
    ]
    return Fraction(max(rows)[2]) if rows else Fraction(0)


def _period(calendar: _Calendar, period: Period, at: datetime) -> Iterator[Movement]:
    """Yield what a period has earned by each month's end beyond its lines; the next month takes it back."""
    is_open = period.closed_at is None or period.closed_at > at
    for place in range(calendar.running + 1):
        end = calendar.ends[place]
        if end <= period.start:
            continue
        accrued = Fraction(0)
        if end < period.end:
            accrued += _rated(period, [use for use in period.usage if use.hour < end and use.received <= at])
            accrued -= sum(Fraction(amount) for when, amount in period.billed if when < end and when <= at)
        if end < period.end and is_open:
            schedule = _Schedule(period.start, period.end, period.by_day, calendar.zone)
            accrued += sum(schedule.earned(Fraction(net), end, PLACES[period.currency]) for net in period.arrears)
        if end >= period.end and not is_open:
            accrued += _rated(period, [use for use in period.usage if use.received <= at])
            accrued -= sum(Fraction(amount) for when, amount in period.billed if when <= at)
        assert end < period.end or not is_open, "periods are closed before the books are read"
        for month, amount in ((place, accrued), (place + 1, -accrued)):
            if month <= calendar.running:
                yield Movement(
                    *(period.customer, period.currency, month, month, "accrual", "unbilled", "revenue"), amount
                )


def _rated(period: Period, usage: list) -> Fraction:
    """Return the price of usage, rounded."""
    units, below, amount = sum((Fraction(use.units) for use in usage), Fraction(0)), Fraction(0), Fraction(0)
    for bound, price in period.tiers:
        within = units if bound is None else min(units, Fraction(bound))
        amount += max(within - below, Fraction(0)) * Fraction(price)
        below = within
    return _rounded(amount, PLACES[period.currency])
