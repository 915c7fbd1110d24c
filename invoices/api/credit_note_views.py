"""Credit notes over HTTP."""

from rest_framework.request import Request
from rest_framework.response import Response

from access.api.approval_requests import ApprovalRequestSerializer, perform_act
from invoices.api.credit_note_serializers import (
    CreditNoteDetailSerializer,
    CreditNoteSerializer,
    NewCreditNoteSerializer,
    VoidReasonSerializer,
)
from invoices.api.views import DETAILED, INVOICES, Invoices, detailed
from invoices.credit_notes import CreditRefused
from invoices.credit_notes.acts import IssueCreditNote, VoidInvoice
from invoices.models import DocumentKind, Invoice
from lib.api.operations import list_rows, post, read_row
from lib.api.problems import invalid_field
from lib.api.views import ApiView

CREDIT_REFUSALS = {CreditRefused: ("unprocessable", "not_creditable")}
EXAMPLES = {
    "A whole invoice": {"invoice": 1, "reason": "Wrong address", "to": "offset"},
    "Part of a line": {
        "invoice": 1,
        "lines": [{"line": 1, "amount": "5.00"}],
        "reason": "Outage of 14 January",
        "to": "balance",
    },
}


class CreditNotes(ApiView[Invoice]):
    """Credit notes that the caller may see."""

    queryset = Invoice.objects.filter(kind=DocumentKind.CREDIT_NOTE).select_related("customer", "seller")
    sandbox_path = "sandbox"
    serializer_class = CreditNoteSerializer
    lookup_url_kwarg = "credit_note"

    list_all = list_rows(
        "list_credit_notes",
        "List credit notes, newest first",
        "Credit notes.",
        filters={"customer": "customer__external_id", "invoice": "corrects__number", "number": "number"},
    )

    @post(
        "create_credit_note",
        "Credit an invoice",
        "Credits the invoice's uncredited amount, or some of its lines up to their uncredited amounts; issued"
        " at once.",
        request=NewCreditNoteSerializer,
        response=CreditNoteDetailSerializer,
        status=201,
        accepted=ApprovalRequestSerializer,
        refusals=CREDIT_REFUSALS,
        examples=EXAMPLES,
    )
    def create(self, request: Request) -> Invoice | Response:
        fields = self.read_body()
        own = INVOICES.filter(sandbox=self.caller.sandbox)
        invoice = own.filter(pk=fields["invoice"]).select_related("customer").first()
        if invoice is None:
            raise invalid_field("invoice", f"No invoice {fields['invoice']} exists.", "does_not_exist")
        note = perform_act(self, IssueCreditNote(invoice_id=fields.pop("invoice"), **fields))
        return detailed(note) if isinstance(note, Invoice) else note


class VoidInvoiceView(Invoices):
    """The voiding of an invoice."""

    @post(
        "void_invoice",
        "Void an invoice",
        "Issues a credit note for the full uncredited amount. A partially paid invoice can't be voided; credit"
        " it instead.",
        request=VoidReasonSerializer,
        response=CreditNoteDetailSerializer,
        status=201,
        accepted=ApprovalRequestSerializer,
        refusals=CREDIT_REFUSALS,
    )
    def void(self, request: Request, invoice: int) -> Invoice | Response:
        invoice_row, fields = self.get_object(), self.read_body()
        note = perform_act(self, VoidInvoice(invoice_id=invoice_row.pk, **fields))
        return detailed(note) if isinstance(note, Invoice) else note


class CreditNoteView(CreditNotes):
    """One credit note, line by line."""

    queryset = CreditNotes.queryset.prefetch_related(*DETAILED)
    serializer_class = CreditNoteDetailSerializer

    read = read_row("get_credit_note", "Read a credit note with its lines")
