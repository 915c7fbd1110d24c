from django.urls import path

from invoices.api.claim_views import ClaimsView, ClaimView, IssueView
from invoices.api.credit_note_views import CreditNotePdfView, CreditNotesView, CreditNoteView, VoidView
from invoices.api.taxation import TaxationView, TaxNumberCheckView
from invoices.api.views import PdfView

urlpatterns = [
    path("customers/<str:customer>/tax", TaxationView.as_view(), name="taxation"),
    path("customers/<str:customer>/tax/check", TaxNumberCheckView.as_view(), name="tax_number_check"),
    path("invoices", ClaimsView.as_view(), name="invoices"),
    path("invoices/<int:invoice>", ClaimView.as_view(), name="invoice"),
    path("invoices/<int:invoice>/issue", IssueView.as_view(), name="invoice_issue"),
    path("invoices/<int:invoice>/void", VoidView.as_view(), name="invoice_void"),
    path("invoices/<int:invoice>/pdf", PdfView.as_view(), name="invoice_pdf"),
    path("credit-notes", CreditNotesView.as_view(), name="credit_notes"),
    path("credit-notes/<int:credit_note>", CreditNoteView.as_view(), name="credit_note"),
    path("credit-notes/<int:credit_note>/pdf", CreditNotePdfView.as_view(), name="credit_note_pdf"),
]
