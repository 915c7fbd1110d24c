"""Actions on the invoices selected in the list: each says what will happen to how many, and runs as a job."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from access.models import ApprovalRule
from access.models.approvals import ApprovalKind
from billing.admin.closing import pdf_archives
from billing.admin.jobs.worker_wakeup import wake
from billing.closing.invoice_batch_preview import BatchPreview, preview_batch, skipped_texts
from billing.closing.invoice_batches import INVOICE_BATCHES, start_invoice_batch
from billing.closing.pdf_archives.selection import select_ids
from billing.jobs.row_batches import MAX_ROWS
from billing.models.jobs import JobKind
from invoices.models import Invoice, Rendering
from invoices.models.invoices import InvoiceState
from invoices.payments.write_offs import MAX_REASON
from lib.admin import Preview, Response, SelectionAction, allowed_seller_ids, list_url
from lib.formats import format_money, format_number
from lib.translation import Text

# The ids of a selection are stored in the job's parameters.
MAX_PDFS = 1_000


def count_invoices(count: int) -> str:
    """Return “3 invoices”."""
    return ngettext("%(count)s invoice", "%(count)s invoices", count) % {"count": format_number(count)}


class InvoiceSelection(SelectionAction[Invoice]):
    """
    An action on selected invoices that runs as a job of a kind in `INVOICE_BATCHES`.

    title: names the number of invoices. effects: what happens to them.
    """

    limit = MAX_ROWS
    kind: JobKind
    effects: Sequence[Text] = ()

    def select(self, queryset: QuerySet[Invoice]) -> QuerySet[Invoice]:
        return queryset.order_by("pk")

    def is_confirmed(self) -> bool:
        self.effect: BatchPreview = preview_batch(self.kind, self.subject)
        return super().is_confirmed() and bool(self.effect.invoices)

    def preview(self, invoices: list[Invoice]) -> Preview:
        effect = self.effect
        sums = " · ".join(format_money(amount, currency) for currency, amount in effect.sums.items())
        chosen = gettext("%(invoices)s: %(sums)s.") % {"invoices": count_invoices(len(effect.invoices)), "sums": sums}
        skipped = gettext("%(invoices)s: %(reason)s.")
        return Preview(
            title=self.title % {"invoices": count_invoices(len(effect.invoices))},
            consequences=[*([chosen] if effect.invoices else []), *self.effects],
            warnings=[
                *self.warnings(),
                *(
                    skipped % {"invoices": count_invoices(count), "reason": reason}
                    for count, reason in skipped_texts(effect)
                ),
            ],
            warnings_title=gettext("Left out:") if effect.skipped and not self.warnings() else "",
            problems=[] if effect.invoices else [gettext("It is possible for none of the selected invoices.")],
        )

    def warnings(self) -> list[str]:
        return []

    def run(self, invoices: list[Invoice]) -> Response:
        chosen = self.effect.invoices
        count = count_invoices(len(chosen))
        job = start_invoice_batch(
            kind=self.kind,
            invoice_ids=[invoice.pk for invoice in chosen],
            reason=self.reason,
            title=str(self.title) % {"invoices": count},
            by=self.user,
            at=timezone.now(),
        )
        wake(self.request)
        # Restricted users can't see the pages of jobs.
        to = job if allowed_seller_ids(self.request) is None else list_url(Invoice)
        return self.done(gettext("Started for %(invoices)s.") % {"invoices": count}, to=to)


class SendInvoices(InvoiceSelection):
    label, verb, title = _("Send again"), _("Send again"), _("Send %(invoices)s again")
    kind = JobKind.INVOICE_EMAILS
    permission = INVOICE_BATCHES[kind].permission
    effects = (
        _("Each is emailed with its PDF to the contacts who receive the customer's invoices, in their language."),
    )


class ChargeInvoices(InvoiceSelection):
    label, verb, title = _("Charge"), _("Charge"), _("Charge %(invoices)s")
    kind = JobKind.INVOICE_CHARGES
    permission = INVOICE_BATCHES[kind].permission
    effects = (
        _("The stored card or bank account of each customer is charged the amount due, once."),
        _("If the payment provider doesn't respond, Tollbook checks the outcome. It never charges twice."),
    )


class WriteOffInvoices(InvoiceSelection):
    label, verb, title = _("Write off"), _("Write off"), _("Write off %(invoices)s")
    kind = JobKind.WRITE_OFFS
    permission = INVOICE_BATCHES[kind].permission
    danger = True
    missing_reason = _("Enter the reason; it is kept with the write-off.")
    effects = (
        _("The amount due of each becomes a loss, and the invoice uncollectible."),
        _("Reminders and automatic charges of these invoices end. A later payment counts as a recovery."),
        _("This can't be undone."),
    )

    def warnings(self) -> list[str]:
        if not ApprovalRule.objects.filter(kind=ApprovalKind.WRITE_OFFS, is_required=True).exists():
            return []
        return [gettext("Those above the approval limit are requested, and written off once a second person agrees.")]

    def confirm(self, invoices: list[Invoice]) -> Any:
        if len(self.reason) > MAX_REASON:
            text = gettext("Enter a reason of up to %(most)s characters.") % {"most": MAX_REASON}
            messages.error(self.request, text)
            return None
        return super().confirm(invoices)


class MakeInvoiceFiles(SelectionAction[Invoice]):
    """Render the missing PDFs of the selected invoices; the job's page offers all of them as an archive."""

    label, verb = _("Create PDFs"), _("Create PDFs")
    permission = pdf_archives.PRINT
    limit = MAX_PDFS + 1

    def select(self, queryset: QuerySet[Invoice]) -> QuerySet[Invoice]:
        return queryset.exclude(state=InvoiceState.DRAFT).order_by("pk")

    def is_confirmed(self) -> bool:
        return super().is_confirmed() and 0 < len(self.subject) <= MAX_PDFS

    def preview(self, invoices: list[Invoice]) -> Preview:
        stored = Rendering.objects.filter(invoice__in=invoices, content__isnull=False).count()
        most = gettext("Select 1 to %(most)s issued invoices.") % {"most": format_number(MAX_PDFS)}
        ready = gettext("%(invoices)s: the PDF is ready and stays as it is.") % {"invoices": count_invoices(stored)}
        return Preview(
            title=gettext("Create PDFs of %(invoices)s") % {"invoices": count_invoices(len(invoices))},
            consequences=[
                gettext("Missing PDFs are created; the job's page offers all of them as an archive."),
                *([ready] if stored else []),
                gettext("Nothing is sent to customers."),
            ],
            problems=[] if 0 < len(invoices) <= MAX_PDFS else [most],
        )

    def run(self, invoices: list[Invoice]) -> Response:
        title = ngettext("PDF of %(count)s invoice", "PDFs of %(count)s invoices", len(invoices))
        title %= {"count": format_number(len(invoices))}
        ids = [invoice.pk for invoice in invoices]
        return pdf_archives.start(self.request, selected=select_ids(ids), title=title)
