"""
The whole demo in order: catalog and customers, usage, invoices, PDFs. Each step skips existing work, so it can be
repeated.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import repeat

from django.utils import timezone

from billing.closing import CloseSummary
from demo import catalog, history, sellers_and_customers, trace
from demo.closing import Watch, close
from demo.event_sender import BATCH, SendCounts, Sender
from invoices.models import Invoice
from invoices.rendering.renderer import NotRendered, render_one


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


def build(*, at: datetime, url: str, api_key: str, watch: Watch, with_history: bool = True) -> Built:
    """
    Set up the demo as of its today, with the trace's usage sent through the HTTP API at `url`.

    with_history: whether to add the months before the trace, with their own customers.

    :raises SendingFailed: if the API rejects a request or does not respond; another run continues from there.
    """
    closed = CloseSummary()
    plans, customers = catalog.load(at), sellers_and_customers.add_all(at)
    if with_history:
        closed.add(history.add_locked_months(at, watch))
    # Before the rest of the history, which closes the months of these requests.
    events = _post(at, url, api_key, watch)
    if with_history:
        closed.add(history.add_open_months(at, watch))
    closed.add(close(at, watch))
    return Built(plans, customers, events, closed)


def _post(at: datetime, url: str, api_key: str, watch: Watch) -> SendCounts:
    events = trace.events(at)
    counts = SendCounts()
    with Sender(url, api_key) as sender, watch("usage", len(events)) as report_done:
        for counts in sender.send_all(events, sizes=repeat(BATCH)):
            report_done(counts.total)
    return counts


@dataclass(slots=True)
class Rendered:
    """The number of rendered files, and the reasons of failures."""

    made: int = 0
    reasons: list[str] = field(default_factory=list)


def render(watch: Watch) -> Rendered:
    """Render the missing files of the trace's invoices in real time; those of the history are left to the workers."""
    rendered = Rendered()
    without_file = Invoice.objects.exclude(rendering__content__isnull=False)
    invoice_ids = history.exclude_past(without_file).order_by("id").values_list("id", flat=True)
    with watch("PDFs", len(invoice_ids)) as report_done:
        for done, invoice_id in enumerate(invoice_ids, start=1):
            try:
                render_one(invoice_id=invoice_id, at=timezone.now(), insist=True)
                rendered.made += 1
            except NotRendered as error:
                rendered.reasons.append(str(error))
            report_done(done)
    return rendered
