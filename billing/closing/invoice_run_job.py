"""
A close run: what is due, closed as bulk work that people start, follow, pause, and try again where it failed.

An item is a chunk of the queue: up to a thousand periods, closed by one transaction and through the same code as by
the task that closes what is due all day. The two work side by side: who holds a period closes it, and what a run says
of its periods is read from their rows, whoever closed them.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection
from django.db.models import Q, QuerySet

from billing.closing.period_close import CHUNK_SIZE, close_periods
from billing.closing.preview import preview_periods
from billing.jobs import start
from billing.jobs.kinds import ItemOutcome, JobDefinition
from billing.models import Job, JobItem, Period
from billing.models.jobs import JobKind
from customers.models import Seller
from lib.money import minor_unit

COLUMNS = ("period", "customer", "subscription", "document", "currency", "total", "why")
FIGURE_NAMES = ("periods", "invoices", "nothing due", "credit notes", "left")
TOTAL_PREFIX = "total."
"""What the figure of an amount begins with; its currency follows, and the figure is in minor units."""

NOTHING_DUE = "nothing due"
JOINED = "It is on one document with another subscription."

FindingRow = dict[str, str | int]


class InvoiceRunRefused(ValueError):
    """A run cannot be started; the text says why."""


def start_invoice_run(
    *, until: datetime, at: datetime, by: AbstractBaseUser | None, seller: Seller | None = None, dry_run: bool = False
) -> Job:
    """
    Store a job that closes what is due by `until`: of one seller, or of all.

    What failed before is tried again, whether or not it is time for that. Documents are dated when they are issued.

    :raises RunRefused: if `until` is to come: what is due later may still change.
    """
    if until > at:
        raise InvoiceRunRefused(f"{until:%Y-%m-%d %H:%M} UTC is to come: choose a moment that is past.")
    return start.start(
        kind=JobKind.CLOSE_RUN,
        title=f"Close {seller or 'all sellers'}, due by {until:%Y-%m-%d %H:%M} UTC",
        parameters={"until": until.isoformat(), "seller": seller.pk if seller else None},
        dry_run=dry_run,
        by=by,
        at=at,
    )


def amounts_by_currency(figures: dict[str, int]) -> dict[str, Decimal]:
    """Return the amounts among a run's figures, by currency, in its major unit."""
    return {
        name.removeprefix(TOTAL_PREFIX): count * minor_unit(name.removeprefix(TOTAL_PREFIX))
        for name, count in figures.items()
        if name.startswith(TOTAL_PREFIX)
    }


def _periods_of_job(job: Job) -> QuerySet[Period]:
    found = Period.objects.to_close(datetime.fromisoformat(job.parameters["until"]))
    seller = job.parameters["seller"]
    return found if seller is None else found.filter(subscription__customer__seller=seller)


def _create_items(job: Job, after: JobItem | None) -> Iterator[JobItem]:
    place = after.parameters["last"] if after else None
    number = after.number if after else 0
    while found := _next_chunk(job, place):
        number += 1
        due_at, id_ = found[-1]
        place = [due_at.isoformat(), id_]
        yield JobItem(job=job, number=number, parameters={"periods": [id_ for _, id_ in found], "last": place})


def _next_chunk(job: Job, place: list[str | int] | None) -> list[tuple[datetime, int]]:
    periods = _periods_of_job(job)
    if place is not None:
        due_at, id_ = place
        periods = periods.filter(Q(due_at__gt=due_at) | Q(due_at=due_at, pk__gt=id_), due_at__gte=due_at)
    return list(periods.order_by("due_at", "pk").values_list("due_at", "pk")[:CHUNK_SIZE])


def _run_item(item: JobItem, at: datetime) -> ItemOutcome:
    ids = item.parameters["periods"]
    if item.job.dry_run:
        return _preview_outcome(ids, at)
    closed = close_periods(period_ids=ids, at=at)
    outcome = _outcome_of(ids)
    # Of these alone no period tells, so they are added to what earlier tries at this item have issued.
    outcome.figures["credit notes"] = item.figures.get("credit notes", 0) + closed.credited
    return outcome


class _PeriodRow(NamedTuple):
    """A period of a run, and its document. is_joined: whether an earlier period stands for that."""

    period_id: int
    starts_at: datetime
    ends_at: datetime
    customer: str
    subscription: str
    is_open: bool
    error: str
    number: str | None
    currency: str
    total: Decimal
    is_joined: bool

    def row(
        self, *, document: str = "", currency: str = "", total: Decimal | None = None, why: str = ""
    ) -> FindingRow:
        return {
            "period": f"{self.starts_at:%Y-%m-%d} to {self.ends_at:%Y-%m-%d}",
            "customer": self.customer,
            "subscription": self.subscription,
            "document": document,
            "currency": currency,
            "total": "" if total is None else f"{total:f}",
            "why": why,
        }


_PERIOD_ROWS = """
SELECT p.id, p.starts_at, p.ends_at, c.external_id, s.external_id, p.state = 'open', p.error,
    i.number, i.currency, i.total,
    EXISTS (SELECT FROM billing_period o WHERE o.invoice_id = p.invoice_id AND o.id < p.id)
FROM billing_period p JOIN billing_subscription s ON s.id = p.subscription_id
JOIN customers_customer c ON c.id = s.customer_id LEFT JOIN invoices_invoice i ON i.id = p.invoice_id
WHERE p.id = ANY(%s) ORDER BY p.due_at, p.id
"""


def _read_period_rows(period_ids: Sequence[int]) -> list[_PeriodRow]:
    with connection.cursor() as cursor:
        cursor.execute(_PERIOD_ROWS, [list(period_ids)])
        return [_PeriodRow(*row) for row in cursor.fetchall()]


def _outcome_of(period_ids: Sequence[int]) -> ItemOutcome:
    """Return what has become of these periods, whoever closed them."""
    figures, findings, failed = dict.fromkeys(FIGURE_NAMES, 0) | {"periods": len(period_ids)}, [], 0
    for one in _read_period_rows(period_ids):
        if one.is_open:
            figures["left"] += 1
            failed += bool(one.error)
            findings.append(one.row(why=one.error or "It was in use, or waits for the period before it."))
        elif one.number is None:
            figures["nothing due"] += 1
            findings.append(one.row(document=NOTHING_DUE))
        elif one.is_joined:
            findings.append(one.row(document=one.number, why=JOINED))
        else:
            _count_invoice(figures, one.total, one.currency)
            findings.append(one.row(document=one.number, currency=one.currency, total=one.total))
    left = figures["left"]
    told = f"{left:,} of {len(period_ids):,} periods are left, {failed:,} of them because they failed."
    return ItemOutcome(figures, findings, unfinished=told if left else "", is_transient=failed < left)


def _preview_outcome(period_ids: Sequence[int], at: datetime) -> ItemOutcome:
    """Return what closing these periods would come to."""
    open_ = [one for one in _read_period_rows(period_ids) if one.is_open]
    found = preview_periods([one.period_id for one in open_], at=at)
    why = {failure.period_id: failure.error for failure in found.failed}
    figures, findings, seen = dict.fromkeys(FIGURE_NAMES, 0), [], set[str]()
    figures |= {"periods": len(period_ids), "credit notes": len(found.notes)}
    for one in open_:
        draft = found.drafts.get(one.period_id)
        if draft is not None and draft.reference in seen:
            findings.append(one.row(why=JOINED))
        elif draft is not None:
            seen.add(draft.reference)
            _count_invoice(figures, draft.totals.total, draft.currency)
            findings.append(one.row(currency=draft.currency, total=draft.totals.total))
        elif one.period_id in found.drafts:
            figures["nothing due"] += 1
            findings.append(one.row(document=NOTHING_DUE))
        else:
            figures["left"] += 1
            findings.append(one.row(why=why.get(one.period_id, "It waits for the period before it.")))
    return ItemOutcome(figures, findings)


def _count_invoice(figures: dict[str, int], total: Decimal, currency: str) -> None:
    figures["invoices"] += 1
    name = f"{TOTAL_PREFIX}{currency}"
    figures[name] = figures.get(name, 0) + int(total / minor_unit(currency))


INVOICE_RUN = JobDefinition(
    permission="billing.close_period", split=_create_items, process=_run_item, columns=COLUMNS
)
"""Closing what is due as bulk work."""
