"""Actions of staff on an invoice or a draft, after a confirmation."""

from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from access.admin.approvable_action import ApprovableAction
from access.approvals import Act
from customers.customer_time import current_time
from invoices.admin.credit_notes import VoidInvoiceForm
from invoices.credit_notes.acts import VoidInvoice
from invoices.documents.invoice_email import EmailRefused, check_invoice_can_be_sent, send_invoice_again
from invoices.documents.staff_notes import NoteRefused, add_note
from invoices.models import DocumentKind, Invoice, Rendering, WriteOff
from invoices.models.invoices import OPEN_INVOICES
from invoices.models.labels import labels_of
from invoices.models.notes import MAX_NOTE_TEXT
from invoices.one_off_invoices import (
    OneOffInvoiceRefused,
    discard_draft,
    issue_draft,
    preview_invoice,
    request_from_draft,
)
from invoices.payments.acts import WriteOffInvoice
from invoices.payments.attempts import PaymentAttemptRefused, close_pages
from invoices.rendering import renderer
from lib.admin import ConfirmedAction, Preview, Response, StaffForm, list_url
from lib.admin.labels import LabelsForm
from lib.formats import format_money
from lib.label_changes import set_labels


def is_draft(invoice: Invoice) -> bool:
    return invoice.number is None


def is_issued(invoice: Invoice) -> bool:
    return not is_draft(invoice)


def is_creditable(invoice: Invoice) -> bool:
    return invoice.kind == DocumentKind.INVOICE and is_issued(invoice) and invoice.left > 0


class VoidAction(ApprovableAction[Invoice]):
    label, icon, verb = _("Void"), "block", _("Void invoice")
    permission = "invoices.issue_creditnote"
    danger = True
    form_class = VoidInvoiceForm
    refusals = (PaymentAttemptRefused, *VoidInvoice.refusals)
    is_offered = staticmethod(lambda invoice: is_creditable(invoice) and not invoice.paid)

    def preview(self, invoice: Invoice) -> Preview:
        paid = gettext("Part of %(invoice)s is paid. Credit it instead, to the customer balance or as a refund.")
        return Preview(
            title=gettext("Void %(invoice)s") % {"invoice": invoice},
            consequences=[
                gettext("A credit note for %(amount)s voids the invoice.")
                % {"amount": format_money(invoice.left, str(invoice.currency))},
                gettext("The customer receives the credit note. No money moves."),
                gettext("This can't be undone. To bill the amount again, issue another invoice."),
            ],
            problems=[paid % {"invoice": invoice}] if invoice.paid else [],
        )

    def act(self, invoice: Invoice) -> Act[Any]:
        return VoidInvoice(invoice_id=invoice.pk, reason=self.choices["reason"])

    def run(self, invoice: Invoice) -> Response:
        close_pages(invoice_id=invoice.pk, at=current_time(invoice.customer))
        return super().run(invoice)

    def report(self, invoice: Invoice, note: Invoice) -> Response:
        return self.done(gettext("%(note)s voids %(invoice)s.") % {"note": note, "invoice": invoice}, to=note)


class WriteOffAction(ApprovableAction[Invoice]):
    """Give up the amount due of an invoice that its customer will not pay."""

    label, icon, verb = _("Write off"), "money_off", _("Write off")
    permission = "invoices.write_off_invoice"
    danger = True
    missing_reason = _("Enter the reason; it is kept with the write-off.")
    refusals = WriteOffInvoice.refusals

    @staticmethod
    def is_offered(invoice: Invoice) -> bool:
        return invoice.kind == DocumentKind.INVOICE and invoice.state in OPEN_INVOICES and invoice.due > 0

    def preview(self, invoice: Invoice) -> Preview:
        return Preview(
            title=gettext("Write off %(invoice)s") % {"invoice": invoice},
            consequences=[
                gettext("%(amount)s becomes a loss, and the invoice uncollectible.")
                % {"amount": format_money(invoice.due, str(invoice.currency))},
                gettext("Reminders and automatic charges of this invoice end. A later payment counts as a recovery."),
                gettext("This can't be undone. To take back the price instead, issue a credit note."),
            ],
        )

    def act(self, invoice: Invoice) -> Act[Any]:
        return WriteOffInvoice(invoice_id=invoice.pk, reason=self.reason)

    def report(self, invoice: Invoice, outcome: WriteOff) -> Response:
        return self.done(gettext("%(invoice)s is written off.") % {"invoice": invoice})


class DraftAction(ConfirmedAction[Invoice]):
    """An action on a draft; an issued invoice is not found."""

    permission = "invoices.claim_invoice"
    is_offered = staticmethod(is_draft)
    refusals = (OneOffInvoiceRefused,)

    def find(self, *, object_id: str) -> Invoice:
        draft: Invoice = self.page.find_draft(self.request, object_id)
        return draft


class IssueDraft(DraftAction):
    label, icon, verb = _("Issue"), "send", _("Issue invoice")

    def preview(self, draft: Invoice) -> Preview:
        summary, problems = [], []
        try:
            preview = preview_invoice(
                customer=draft.customer, request=request_from_draft(draft), at=current_time(draft.customer)
            )
            total = format_money(preview.totals.total, preview.currency)
            summary = [gettext("The total is %(amount)s, with tax.") % {"amount": total}]
        except OneOffInvoiceRefused as refused:
            problems = [str(refused)]
        return Preview(
            title=gettext("Issue the draft for %(customer)s") % {"customer": draft.customer},
            consequences=[
                *summary,
                gettext("The invoice gets the next number and the current addresses and taxes. It is sent at once."),
                gettext("An issued invoice can't be changed. Credit notes correct it."),
            ],
            problems=problems,
        )

    def run(self, draft: Invoice) -> Response:
        invoice = issue_draft(invoice_id=draft.pk, at=current_time(draft.customer), by=self.user)
        return self.done(gettext("%(invoice)s was issued.") % {"invoice": invoice}, to=invoice)


class DiscardDraft(DraftAction):
    label, icon, verb = _("Discard"), "delete", _("Discard draft")
    danger = True
    title = _("Discard the draft for {.customer}")
    consequences = (_("The draft has no number yet, so no credit note is needed."), _("This can't be undone."))

    def run(self, draft: Invoice) -> Response:
        discard_draft(invoice_id=draft.pk, at=current_time(draft.customer), by=self.user)
        return self.done(gettext("The draft was discarded."), to=list_url(Invoice))


class SendInvoiceAgain(ConfirmedAction[Invoice]):
    """Email the invoice with its PDF once more."""

    label, icon, verb = _("Send again"), "forward_to_inbox", _("Send again")
    permission = "customers.add_portallink"
    refusals = (EmailRefused,)

    @staticmethod
    def is_offered(invoice: Invoice) -> bool:
        return is_issued(invoice) and not invoice.sandbox

    def preview(self, invoice: Invoice) -> Preview:
        contacts = invoice.customer.contacts.filter(billing=True).order_by("email")
        title = gettext("Send %(invoice)s again") % {"invoice": invoice}
        try:
            check_invoice_can_be_sent(invoice)
        except EmailRefused as refused:
            return Preview(title=title, consequences=[], problems=[str(refused)])
        text = gettext("Tollbook emails the invoice with its PDF to %(contacts)s, each in their language.")
        return Preview(
            title=title,
            consequences=[
                text % {"contacts": ", ".join(contact.email for contact in contacts)},
                gettext("The audit log records who sent it."),
            ],
        )

    def run(self, invoice: Invoice) -> Response:
        at = current_time(invoice.customer)
        # The same minute is the same request: a button that was pressed twice.
        send_invoice_again(invoice_id=invoice.pk, key=f"{at:%Y-%m-%dT%H:%M}", at=at, by=self.user)
        return self.done(gettext("%(invoice)s is on its way.") % {"invoice": invoice})


class StaffNoteForm(StaffForm):
    text = forms.CharField(
        label=_("Note"), max_length=MAX_NOTE_TEXT, widget=forms.Textarea(attrs={"class": "field wide", "rows": 4})
    )


class AddStaffNote(ConfirmedAction[Invoice]):
    label, icon, verb = _("Add note"), "chat", _("Add note")
    permission = "invoices.label_invoice"
    form_class = StaffNoteForm
    refusals = (NoteRefused,)
    refusal_field = "text"
    is_offered = staticmethod(is_issued)
    title = _("Add a note to {}")
    consequences = (_("Staff see it in the timeline. The customer doesn't. It can't be changed afterwards."),)

    def run(self, invoice: Invoice) -> Response:
        add_note(invoice_id=invoice.pk, text=self.choices["text"], at=current_time(invoice.customer), by=self.user)
        return self.done(gettext("The note was added."))


class EditInvoiceLabels(ConfirmedAction[Invoice]):
    label, icon, verb = _("Tags and metadata"), "label", _("Save")
    permission = "invoices.label_invoice"
    title = _("Tags and metadata of {}")
    consequences = (_("They are for your own systems and lists. The invoice and its files stay as they are."),)

    def make_form(self, invoice: Invoice) -> LabelsForm:
        labels = labels_of(invoice)
        return LabelsForm(self.posted, initial={"tags": labels.tags, "metadata": labels.metadata})

    def run(self, invoice: Invoice) -> Response:
        set_labels(labels_of(invoice), **self.choices, by=self.user, at=current_time(invoice.customer))
        return self.done(gettext("Tags and metadata are saved."))


class RenderAgain(ConfirmedAction[Invoice]):
    """Retry a failed file once more, regardless of its scheduled retries."""

    label, icon, verb = _("Retry PDF"), "refresh", _("Create PDF")
    permission = "invoices.change_rendering"
    refusals = (renderer.NotRendered,)
    title = _("Create the PDF of {}")
    consequences = (
        _("The PDF is created now, regardless of its next scheduled attempt."),
        _("Nothing is sent to the customer."),
    )
    problems_title = _("The PDF failed again:")

    @staticmethod
    def is_offered(invoice: Invoice) -> bool:
        return Rendering.objects.filter(invoice=invoice, content__isnull=True).exists()

    def run(self, invoice: Invoice) -> Response:
        renderer.render_one(invoice_id=invoice.pk, at=timezone.now(), insist=True)
        return self.done(gettext("The PDF was created."))
