"""
Invoice run: an operator's job that closes due periods, with progress, pause, and retry of failed items.

An item is a chunk of the queue: up to a thousand periods, closed in one transaction by the same code as the task that
closes due periods all day. Both can run at once: the one that locks a period closes it, and the run's findings are
read from the periods' rows.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from billing.closing.period_close import CHUNK_SIZE, close_periods
from billing.closing.preview import preview_periods
from billing.jobs import start
from billing.jobs.definitions import ItemOutcome, JobDefinition
from billing.models import Job, JobItem, Period
from billing.models.jobs import JobKind
from customers.models import Seller
from lib import sql
from lib.money import minor_unit

COLUMNS = ("period", "customer", "subscription", "document", "currency", "total", "why")
FIGURE_NAMES = ("periods", "invoices", "nothing due", "credit notes", "left")
TOTAL_PREFIX = "total."
"""Prefix of the figures for amounts; the currency follows, and the figure is in minor units."""

NOTHING_DUE = "nothing due"
JOINED = "It shares an invoice with another subscription."

FindingRow = dict[str, str | int]


class InvoiceRunRefused(ValueError):
    """The run can't be started; the text gives the reason."""


def start_invoice_run(
    *, until: datetime, at: datetime, by: User | None, seller: Seller | None = None, dry_run: bool = False
) -> Job:
    """
    Store a job that closes all periods due by `until`, of one seller or of all.

    Failed periods are retried regardless of their retry time. Invoices are dated when they are issued.

    :raises InvoiceRunRefused: if `until` is in the future: periods due later may still change.
    """
    if until > at:
        raise InvoiceRunRefused(
            _("%(time)s UTC is in the future. Choose a past time.") % {"time": f"{until:%Y-%m-%d %H:%M}"}
        )
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
    periods = Period.objects.to_close(datetime.fromisoformat(job.parameters["until"]))
    seller = job.parameters["seller"]
    return periods if seller is None else periods.filter(subscription__seller=seller)


def _create_items(job: Job, after: JobItem | None) -> Iterator[JobItem]:
    position = after.parameters["last"] if after else None
    number = after.number if after else 0
    while due_periods := _next_chunk(job, position):
        number += 1
        due_at, id_ = due_periods[-1]
        position = [due_at.isoformat(), id_]
        yield JobItem(
            job=job, number=number, parameters={"periods": [id_ for _, id_ in due_periods], "last": position}
        )


def _next_chunk(job: Job, position: list[str | int] | None) -> list[tuple[datetime, int]]:
    periods = _periods_of_job(job)
    if position is not None:
        due_at, id_ = position
        # The redundant bound on `due_at` lets the index find the start of the chunk.
        periods = periods.filter(Q(due_at__gt=due_at) | Q(due_at=due_at, pk__gt=id_), due_at__gte=due_at)
    return list(periods.order_by("due_at", "pk").values_list("due_at", "pk")[:CHUNK_SIZE])


def _run_item(item: JobItem, at: datetime) -> ItemOutcome:
    ids = item.parameters["periods"]
    if item.job.dry_run:
        return _preview_outcome(ids, at)
    summary = close_periods(period_ids=ids, at=at)
    outcome = _read_outcome(ids)
    # Periods don't record credit notes, so this count adds to those that earlier tries of the item issued.
    outcome.figures["credit notes"] = item.figures.get("credit notes", 0) + summary.credited
    return outcome


class _PeriodRow(NamedTuple):
    """A period of a run and its invoice. is_joined: whether an earlier period already represents that invoice."""

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


# One round trip per item, in the order in which the queue is processed.
_PERIOD_ROWS = """
SELECT p.id, p.starts_at, p.ends_at, c.external_id, s.external_id, p.state = 'open', p.error,
    i.number, i.currency, i.total,
    EXISTS (SELECT FROM billing_period o WHERE o.invoice_id = p.invoice_id AND o.id < p.id)
FROM billing_period p JOIN billing_subscription s ON s.id = p.subscription_id
JOIN customers_customer c ON c.id = s.customer_id LEFT JOIN invoices_invoice i ON i.id = p.invoice_id
WHERE p.id = ANY(%s) ORDER BY p.due_at, p.id
"""


def _read_period_rows(period_ids: Sequence[int]) -> list[_PeriodRow]:
    return [_PeriodRow(*row) for row in sql.fetch_rows(_PERIOD_ROWS, [list(period_ids)])]


def _read_outcome(period_ids: Sequence[int]) -> ItemOutcome:
    """Return the outcome for these periods as their rows have it, no matter which process closed them."""
    figures, findings, failed = dict.fromkeys(FIGURE_NAMES, 0) | {"periods": len(period_ids)}, [], 0
    for row in _read_period_rows(period_ids):
        if row.is_open:
            figures["left"] += 1
            failed += bool(row.error)
            findings.append(row.row(why=row.error or "It was in use, or the previous period is not billed yet."))
        elif row.number is None:
            figures["nothing due"] += 1
            findings.append(row.row(document=NOTHING_DUE))
        elif row.is_joined:
            findings.append(row.row(document=row.number, why=JOINED))
        else:
            _count_invoice(figures, row.total, row.currency)
            findings.append(row.row(document=row.number, currency=row.currency, total=row.total))
    left_count = figures["left"]
    remainder = f"{left_count:,} of {len(period_ids):,} periods are left, {failed:,} of them because they failed."
    # A period that was held may be free on the next try; a failed one needs an operator first.
    return ItemOutcome(
        figures, findings, unfinished=remainder if left_count else "", is_transient=failed < left_count
    )


def _preview_outcome(period_ids: Sequence[int], at: datetime) -> ItemOutcome:
    """Return the outcome that closing these periods would have."""
    open_ = [row for row in _read_period_rows(period_ids) if row.is_open]
    previewed = preview_periods([row.period_id for row in open_], at=at)
    errors = {failure.period_id: failure.error for failure in previewed.failed}
    figures, findings, seen = dict.fromkeys(FIGURE_NAMES, 0), [], set[str]()
    figures |= {"periods": len(period_ids), "credit notes": len(previewed.notes)}
    for period_row in open_:
        draft = previewed.drafts.get(period_row.period_id)
        if draft is not None and draft.reference in seen:
            findings.append(period_row.row(why=JOINED))
        elif draft is not None:
            seen.add(draft.reference)
            _count_invoice(figures, draft.totals.total, draft.currency)
            findings.append(period_row.row(currency=draft.currency, total=draft.totals.total))
        elif period_row.period_id in previewed.drafts:
            figures["nothing due"] += 1
            findings.append(period_row.row(document=NOTHING_DUE))
        else:
            figures["left"] += 1
            findings.append(
                period_row.row(why=errors.get(period_row.period_id, "The previous period is not billed yet."))
            )
    return ItemOutcome(figures, findings)


def _count_invoice(figures: dict[str, int], total: Decimal, currency: str) -> None:
    figures["invoices"] += 1
    name = f"{TOTAL_PREFIX}{currency}"
    figures[name] = figures.get(name, 0) + int(total / minor_unit(currency))


INVOICE_RUN = JobDefinition(
    permission="billing.close_period", split=_create_items, process=_run_item, columns=COLUMNS
)
"""The definition of the invoice run as a job."""
