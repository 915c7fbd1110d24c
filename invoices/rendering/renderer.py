"""
Files made once: who renders which invoice, when, and what becomes of a failure.

The table is the queue. An attempt is claimed by one statement that also counts it, so two workers never render the
same invoice at a time, and one that dies is tried again when its claim lapses; the claim outlasts the time that a
rendering may take. Content and hash are written by one statement, the file being the same whoever wrote it first.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from invoices.models import DocumentKind, Invoice, Rendering
from invoices.models.invoices import InvoiceState
from invoices.models.pdf_files import unrendered
from invoices.rendering import render_queue
from invoices.rendering.einvoice.model import NotAnInvoice
from invoices.rendering.facts_reader import TooLong, read
from invoices.rendering.pdf_file import NoFont, render
from invoices.rendering.time_limit import TookTooLong, time_limit
from invoices.rendering.usage_facts import MeterUsage
from invoices.rendering.wallet_facts import WalletStatement
from lib.failpoints import reached

AT_A_TIME = 100
SPEAK_FOR_THEMSELVES = (NoFont, NotAnInvoice, TooLong, TookTooLong)
logger = logging.getLogger(__name__)


class NotRendered(Exception):
    """The file is not there. retry_at: when it is tried again by itself; None where someone must look first."""

    def __init__(self, text: str, *, retry_at: datetime | None) -> None:
        super().__init__(text)
        self.retry_at = retry_at


@dataclass(slots=True)
class Outcome:
    """How many attempts of a run came to what."""

    rendered: int = 0
    failed: int = 0


def render_due(*, at: datetime, limit: int = 1_000, seconds: float = 20) -> Outcome:
    """
    Render issued invoices that have no file, oldest first; any number of workers may do so at once.

    limit, seconds: how many attempts and how long at most; the next run takes over. Short runs let closing in.

    What fails is recorded with its reason and tried again later, a few times in all: see `claims`.
    """
    began = monotonic()
    outcome = Outcome()
    render_queue.park_abandoned(at=at)
    while invoice_ids := list(unrendered(at).values_list("id", flat=True)[:AT_A_TIME]):
        for invoice_id in invoice_ids:
            passed = monotonic() - began
            if outcome.rendered + outcome.failed >= limit or passed > seconds:
                return outcome
            now = at + timedelta(seconds=passed)
            claim = render_queue.take(invoice_id=invoice_id, at=now)
            if claim is None:
                continue
            if attempt(claim, at=now):
                outcome.rendered += 1
            else:
                outcome.failed += 1
    return outcome


def render_one(*, invoice_id: int, at: datetime, insist: bool = False) -> Rendering:
    """
    Return the file of an issued invoice, made now if it is not there.

    insist: try even if attempts have failed and the next one is not due, or none is left.

    :raises NotRendered: for a draft, and if it cannot be made now; the text says why.
    """
    done = Rendering.objects.filter(invoice=invoice_id, content__isnull=False)
    if stored := done.first():
        return stored
    if not Invoice.objects.filter(id=invoice_id).exclude(state=InvoiceState.DRAFT).exists():
        raise NotRendered("A draft has no file; it gets one when it is issued.", retry_at=None)
    claim = render_queue.take(invoice_id=invoice_id, at=at, insist=insist)
    if claim is not None:
        attempt(claim, at=at)
    found = Rendering.objects.get(invoice=invoice_id)
    if found.content is None:
        raise NotRendered(found.error, retry_at=found.retry_at)
    return found


def attempt(claim: render_queue.Claim, *, at: datetime) -> bool:
    """Render what was claimed, and record what came of it; return whether there is a file."""
    reached("render.claimed")
    try:
        invoice = Invoice.objects.get(id=claim.invoice_id)
        facts, usage, wallets = read(invoice), usage_of(invoice), wallets_of(invoice)
        with time_limit(render_queue.RENDER_SECONDS, what=f"Rendering {invoice}"):
            content = render(facts, usage, wallets)
    except Exception as error:
        known = isinstance(error, SPEAK_FOR_THEMSELVES)
        if not known:
            logger.exception("Invoice %s could not be rendered", claim.invoice_id)
        render_queue.fail(claim, reason=str(error) if known else f"{type(error).__name__}: {error}", at=at)
        return False
    reached("render.before_storing")
    render_queue.fulfill(claim, content=content, at=at)
    return True


def usage_of(invoice: Invoice) -> tuple[MeterUsage, ...]:
    """
    Return the usage that an invoice's appendix shows: what the function named by INVOICE_USAGE answers.

    A credit note has none: it says what is taken back, not what was used.

    Invoices stand below billing, which counts usage, and cannot import it: docs/decisions/0007-usage-appendix.md.
    """
    return _asked(settings.INVOICE_USAGE, invoice) if invoice.seller_facts.get("shows_usage", True) else ()


def wallets_of(invoice: Invoice) -> tuple[WalletStatement, ...]:
    """Return the statements of wallets that an invoice shows: what the function named by INVOICE_WALLETS answers."""
    return _asked(settings.INVOICE_WALLETS, invoice) if invoice.seller_facts.get("shows_wallets", False) else ()


def _asked(name: str, invoice: Invoice) -> tuple[Any, ...]:
    is_wanted = name and invoice.kind == DocumentKind.INVOICE
    return import_string(name)(invoice=invoice) if is_wanted else ()
