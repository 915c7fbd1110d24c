"""
Render invoice files once, with leases, retries and recorded failures.

The table is the queue (`render_queue`): two workers never render the same invoice at the same time, and an attempt
whose worker dies is retried when its lease ends; the lease is longer than the time limit of a rendering. One
statement stores content and hash; any process would write the same file.
"""

import logging
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import DecimalException
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from invoices.models import DocumentKind, Invoice, Rendering
from invoices.models.invoices import InvoiceState
from invoices.models.pdf_files import unrendered
from invoices.rendering import render_queue
from invoices.rendering.einvoice.model import EInvoiceImpossible
from invoices.rendering.facts_reader import MAX_LISTED_LINES, TooManyLines, read_invoice_facts
from invoices.rendering.pdf_file import MissingFont, render
from invoices.rendering.render_queue import RENDERINGS
from invoices.rendering.time_limit import TimeLimitExceeded, time_limit
from invoices.rendering.usage_facts import MeterUsage
from invoices.rendering.wallet_facts import WalletStatement
from lib.failpoints import hit_failpoint
from lib.queue import Deadline, Lease

# Ids in memory at a time; each file is stored on its own.
BATCH_SIZE = 100
SELF_EXPLANATORY_ERRORS = (MissingFont, EInvoiceImpossible, TooManyLines, TimeLimitExceeded)
logger = logging.getLogger(__name__)


class NotRendered(Exception):
    """There is no file. retry_at: time of the automatic retry; None if an operator must act first."""

    def __init__(self, text: str, *, retry_at: datetime | None) -> None:
        super().__init__(text)
        self.retry_at = retry_at


@dataclass(slots=True)
class RenderRun:
    """Counts of a run by outcome."""

    rendered: int = 0
    failed: int = 0


def render_due(*, at: datetime, limit: int = 1_000, seconds: float = 20) -> RenderRun:
    """
    Render issued invoices without a file, oldest first; any number of workers may run this at once.

    limit, seconds: the most attempts, and the longest duration; the next run continues. Short runs let closing use
        the workers in between.

    Failures are recorded with their reason and retried later, a few times in all: see `render_queue`.
    """
    deadline, run = Deadline(seconds), RenderRun()
    RENDERINGS.park_exhausted(at=at)
    while invoice_ids := list(unrendered(at).values_list("id", flat=True)[:BATCH_SIZE]):
        for invoice_id in invoice_ids:
            if run.rendered + run.failed >= limit or not deadline.has_time():
                return run
            # A lease begins with its own attempt, not with the run, because a rendering takes nearly all of it.
            now = at + deadline.elapsed
            lease = render_queue.lease_rendering(invoice_id=invoice_id, at=now)
            if lease is not None:
                is_rendered = attempt_rendering(lease, at=now)
                run.rendered += is_rendered
                run.failed += not is_rendered
    return run


def render_one(*, invoice_id: int, at: datetime, insist: bool = False) -> Rendering:
    """
    Return the file of an issued invoice, rendered now if there is none.

    insist: try even if attempts have failed and the next one is not due, or none is left.

    :raises NotRendered: for a draft, and if it can't be rendered now; the text gives the reason.
    """
    finished = Rendering.objects.filter(invoice=invoice_id, content__isnull=False)
    if existing := finished.first():
        return existing
    if not Invoice.objects.filter(id=invoice_id).exclude(state=InvoiceState.DRAFT).exists():
        raise NotRendered(_("A draft has no PDF. Issue it first."), retry_at=None)
    lease = render_queue.lease_rendering(invoice_id=invoice_id, at=at, insist=insist)
    if lease is not None:
        attempt_rendering(lease, at=at)
    rendering = Rendering.objects.get(invoice=invoice_id)
    if rendering.content is None:
        raise NotRendered(rendering.error, retry_at=rendering.retry_at)
    return rendering


def attempt_rendering(lease: Lease, *, at: datetime) -> bool:
    """Render a leased invoice and record the outcome; return whether there is a file."""
    hit_failpoint("render.claimed")
    try:
        invoice = Invoice.objects.get(id=lease.key)
        facts = read_invoice_facts(invoice, most_lines=MAX_LISTED_LINES)
        usage, wallets = read_usage(invoice), read_wallets(invoice)
        with time_limit(render_queue.RENDER_SECONDS, task=f"Rendering {invoice}"):
            content = render(replace(facts, summary=read_summary(invoice)), usage, wallets)
    except Exception as error:
        is_self_explanatory = isinstance(error, SELF_EXPLANATORY_ERRORS)
        if not is_self_explanatory:
            logger.exception("Invoice %s could not be rendered", lease.key)
        reason = str(error) if is_self_explanatory else f"{type(error).__name__}: {error}"
        RENDERINGS.postpone(lease, reason=reason, at=at)
        return False
    hit_failpoint("render.before_storing")
    render_queue.store_file(lease, content=content, at=at)
    return True


def read_usage(invoice: Invoice) -> tuple[MeterUsage, ...]:
    """
    Return the usage for an invoice's appendix, read by the function that INVOICE_USAGE names.

    A credit note has none: it credits amounts rather than bill usage.

    Invoices are below billing, which counts usage, and can't import it: docs/decisions/0007-usage-appendix.md.
    """
    return _call_reader(settings.INVOICE_USAGE, invoice) if invoice.seller_facts.get("shows_usage", True) else ()


def read_wallets(invoice: Invoice) -> tuple[WalletStatement, ...]:
    """Return the wallet statements for an invoice's appendix, read by the function that INVOICE_WALLETS names."""
    return _call_reader(settings.INVOICE_WALLETS, invoice) if invoice.seller_facts.get("shows_wallets", False) else ()


def read_summary(invoice: Invoice) -> str:
    """Return the sentences of an invoice's first page, read by the function that INVOICE_SUMMARY names."""
    if not settings.INVOICE_SUMMARY:
        return ""
    try:
        summary: str = import_string(settings.INVOICE_SUMMARY)(invoice)
    except (KeyError, TypeError, ValueError, DecimalException):
        # Workings of an unknown form: the invoice is complete without its sentence.
        logger.exception("Invoice %s can't be explained.", invoice.pk)
        return ""
    return summary


def _call_reader(path: str, invoice: Invoice) -> tuple[Any, ...]:
    is_applicable = path and invoice.kind == DocumentKind.INVOICE
    return import_string(path)(invoice=invoice) if is_applicable else ()
