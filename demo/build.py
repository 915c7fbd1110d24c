"""The whole demo in order: lay out, post, close, render. Each step finds what is done, so it may be run again."""

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
"""Called with a title and how much there is to do; what it yields is called with how much is done."""


@dataclass(frozen=True, slots=True)
class Built:
    """What a run added; nothing, where another one had been through before."""

    plans: int
    customers: int
    events: SendCounts
    closed: CloseSummary

    @property
    def is_nothing(self) -> bool:
        return not (self.plans or self.customers or self.events.accepted or self.closed.closed)


def today(at: datetime) -> datetime:
    """Return the demo's today: what the database remembers of a demo it holds, else `at` in whole seconds of UTC."""
    return catalog.remembered_today() or at.astimezone(UTC).replace(microsecond=0)


def build(*, at: datetime, url: str, api_key: str, watch: Watch) -> Built:
    """
    Put the demo into the database as of its today, its usage through the HTTP API at `url`.

    :raises SendingFailed: if the API refuses or does not answer; run it again, and it goes on from there.
    """
    return Built(
        plans=catalog.load(at),
        customers=sellers_and_customers.add_all(at),
        events=_post(at, url, api_key, watch),
        closed=close(at, watch),
    )


def _post(at: datetime, url: str, api_key: str, watch: Watch) -> SendCounts:
    events = trace.events(at)
    tally = SendCounts()
    with Sender(url, api_key) as sender, watch("usage", len(events)) as tell:
        for tally in sender.send_all(events, sizes=repeat(BATCH)):
            tell(tally.total)
    return tally


def close(at: datetime, watch: Watch) -> CloseSummary:
    """Close what is due, each day's by the clock of that day, so that invoices carry the dates they would have."""
    due = Period.objects.due(at)
    days = due.annotate(day=TruncDay("due_at")).values_list("day", flat=True).distinct().order_by("day")
    result = CloseSummary()
    with watch("closing", due.count()) as tell:
        for day in list(days):
            result.add(closing.close_due(at=min(day + timedelta(days=1), at)))
            tell(result.closed)
    return result


@dataclass(slots=True)
class Rendered:
    """How many files were made, and why others were not."""

    made: int = 0
    reasons: list[str] = field(default_factory=list)


def render(watch: Watch) -> Rendered:
    """Make the files of all invoices that have none, by the clock on the wall, as a worker would."""
    result = Rendered()
    waiting = Invoice.objects.exclude(rendering__content__isnull=False).order_by("id").values_list("id", flat=True)
    with watch("PDFs", len(waiting)) as tell:
        for done, invoice_id in enumerate(waiting, start=1):
            try:
                render_one(invoice_id=invoice_id, at=timezone.now(), insist=True)
                result.made += 1
            except NotRendered as error:
                result.reasons.append(str(error))
            tell(done)
    return result
