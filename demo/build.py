"""
The whole demo in order: catalog and customers, usage, invoices, PDFs. Each step skips existing work, so it can be
repeated.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import repeat

from django.db.models.functions import TruncDay
from django.utils import timezone

from billing import closing
from billing.closing import CloseSummary
from billing.models import Period
from demo import catalog, sellers_and_customers, trace
from demo.event_sender import BATCH, SendCounts, Sender
from invoices.models import Invoice
from invoices.rendering.renderer import NotRendered, render_one

Watch = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Called with a title and the amount of work; yields a function to call with the amount done."""


@dataclass(frozen=True, slots=True)
class Built:
    """The additions of a run; none if an earlier run was complete."""

    plans: int
    customers: int
    events: SendCounts
    closed: CloseSummary

    @property
    def is_nothing(self) -> bool:
        return not (self.plans or self.customers or self.events.accepted or self.closed.closed)


def today(at: datetime) -> datetime:
    """Return the demo's today: that of the demo in the database, else `at` in whole seconds of UTC."""
    return catalog.remembered_today() or at.astimezone(UTC).replace(microsecond=0)


def build(*, at: datetime, url: str, api_key: str, watch: Watch) -> Built:
    """
    Set up the demo as of its today, with its usage sent through the HTTP API at `url`.

    :raises SendingFailed: if the API rejects a request or does not respond; another run continues from there.
    """
    return Built(
        plans=catalog.load(at),
        customers=sellers_and_customers.add_all(at),
        events=_post(at, url, api_key, watch),
        closed=close(at, watch),
    )


def _post(at: datetime, url: str, api_key: str, watch: Watch) -> SendCounts:
    events = trace.events(at)
    counts = SendCounts()
    with Sender(url, api_key) as sender, watch("usage", len(events)) as report_done:
        for counts in sender.send_all(events, sizes=repeat(BATCH)):
            report_done(counts.total)
    return counts


def close(at: datetime, watch: Watch) -> CloseSummary:
    """
    Close due periods, each day's with the time of that day, so that invoices have the dates they would have had.
    """
    due = Period.objects.due(at)
    days = due.annotate(day=TruncDay("due_at")).values_list("day", flat=True).distinct().order_by("day")
    summary = CloseSummary()
    with watch("closing", due.count()) as report_done:
        for day in list(days):
            summary.add(closing.close_due(at=min(day + timedelta(days=1), at)))
            report_done(summary.closed)
    return summary


@dataclass(slots=True)
class Rendered:
    """The number of rendered files, and the reasons of failures."""

    made: int = 0
    reasons: list[str] = field(default_factory=list)


def render(watch: Watch) -> Rendered:
    """Render the files of all invoices that have none, in real time, as a worker would."""
    rendered = Rendered()
    invoice_ids = (
        Invoice.objects.exclude(rendering__content__isnull=False).order_by("id").values_list("id", flat=True)
    )
    with watch("PDFs", len(invoice_ids)) as report_done:
        for done, invoice_id in enumerate(invoice_ids, start=1):
            try:
                render_one(invoice_id=invoice_id, at=timezone.now(), insist=True)
                rendered.made += 1
            except NotRendered as error:
                rendered.reasons.append(str(error))
            report_done(done)
    return rendered
