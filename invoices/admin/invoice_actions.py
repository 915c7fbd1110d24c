"""What staff can do to an invoice or a draft, after a confirmation."""

from django.utils import timezone

from customers.customer_time import current_time
from invoices.admin.credit_notes import VoidInvoiceForm
from invoices.credit_notes import CreditRefused, void_invoice
from invoices.models import DocumentKind, Invoice, Rendering
from invoices.one_off_invoices import (
    OneOffInvoiceRefused,
    discard_draft,
    issue_draft,
    preview_invoice,
    request_from_draft,
)
from invoices.payments.attempts import PaymentAttemptRefused, close_pages
from invoices.rendering import renderer
from lib.admin import ConfirmedAction, Preview, Response, list_url
from lib.formats import format_money


def is_draft(invoice: Invoice) -> bool:
    return invoice.number is None


def is_issued(invoice: Invoice) -> bool:
    return not is_draft(invoice)


def is_creditable(invoice: Invoice) -> bool:
    return invoice.kind == DocumentKind.INVOICE and is_issued(invoice) and invoice.left > 0


class VoidInvoice(ConfirmedAction[Invoice]):
    label, icon, verb = "Void", "block", "Void invoice"
    permission = "invoices.issue_creditnote"
    danger = True
    form_class = VoidInvoiceForm
    refusals: tuple[type[Exception], ...] = (PaymentAttemptRefused, CreditRefused)
    is_offered = staticmethod(lambda invoice: is_creditable(invoice) and not invoice.paid)

    def preview(self, invoice: Invoice) -> Preview:
        return Preview(
            title=f"Void {invoice}",
            consequences=[
                f"A credit note takes back {format_money(invoice.left, str(invoice.currency))}, and the invoice is "
                "void.",
                "The customer is sent the credit note; no money moves.",
                "This cannot be undone: what is still claimed is claimed by another invoice.",
            ],
            problems=[f"Some of {invoice} is paid: credit it, and say where the money goes."] if invoice.paid else [],
        )

    def run(self, invoice: Invoice) -> Response:
        at = current_time(invoice.customer)
        close_pages(invoice_id=invoice.pk, at=at)
        note = void_invoice(invoice_id=invoice.pk, **self.choices, at=at, by=self.user)
        return self.done(f"{invoice} is void: {note} takes all of it back.", to=note)


class DraftAction(ConfirmedAction[Invoice]):
    """An action on a draft; an issued invoice is not found."""

    permission = "invoices.claim_invoice"
    is_offered = staticmethod(is_draft)
    refusals = (OneOffInvoiceRefused,)

    def find(self, *, object_id: str) -> Invoice:
        draft: Invoice = self.page.find_draft(self.request, object_id)
        return draft


class IssueDraft(DraftAction):
    label, icon, verb = "Issue", "send", "Issue invoice"

    def preview(self, draft: Invoice) -> Preview:
        summary, problems = [], []
        try:
            preview = preview_invoice(
                customer=draft.customer, request=request_from_draft(draft), at=current_time(draft.customer)
            )
            summary = [f"It claims {format_money(preview.totals.total, preview.currency)} of {draft.customer}."]
        except OneOffInvoiceRefused as refused:
            problems = [str(refused)]
        return Preview(
            title=f"Issue the draft for {draft.customer}",
            consequences=[
                *summary,
                "It gets the next number, with the addresses and taxes of now, and is sent.",
                "From then on it never changes: corrections are credit notes.",
            ],
            problems=problems,
        )

    def run(self, draft: Invoice) -> Response:
        invoice = issue_draft(invoice_id=draft.pk, at=current_time(draft.customer), by=self.user)
        return self.done(f"{invoice} is issued.", to=invoice)


class DiscardDraft(DraftAction):
    label, icon, verb = "Discard", "delete", "Discard draft"
    danger = True
    title = "Discard the draft for {.customer}"
    consequences = ["It never had a number, so nothing else has to happen.", "It cannot be brought back."]

    def run(self, draft: Invoice) -> Response:
        discard_draft(invoice_id=draft.pk, at=current_time(draft.customer), by=self.user)
        return self.done("The draft is gone.", to=list_url(Invoice))


class RenderAgain(ConfirmedAction[Invoice]):
    """Retry a failed file once more, regardless of its scheduled retries."""

    label, icon, verb = "Make PDF again", "refresh", "Make PDF"
    permission = "invoices.change_rendering"
    refusals = (renderer.NotRendered,)
    title = "Make the PDF of {} again"
    consequences = ["It is tried at once, whether or not its next attempt is due.", "Nothing is sent."]
    problems_title = "It failed again:"

    @staticmethod
    def is_offered(invoice: Invoice) -> bool:
        return Rendering.objects.filter(invoice=invoice, content__isnull=True).exists()

    def run(self, invoice: Invoice) -> Response:
        renderer.render_one(invoice_id=invoice.pk, at=timezone.now(), insist=True)
        return self.done("The PDF is made.")
