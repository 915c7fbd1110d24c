from django.urls import path

from invoices.api.credit_note_views import CreditNotePdfView, CreditNotesView, CreditNoteView
from invoices.api.data_views import CreditNoteUblView, CreditNoteXmlView, InvoiceUblView, InvoiceXmlView
from invoices.api.views import InvoicesView, InvoiceView, PdfView

urlpatterns = [
    path("invoices", InvoicesView.as_view(), name="invoices"),
    path("invoices/<int:invoice>", InvoiceView.as_view(), name="invoice"),
    path("invoices/<int:invoice>/pdf", PdfView.as_view(), name="invoice_pdf"),
    path("invoices/<int:invoice>/xml", InvoiceXmlView.as_view(), name="invoice_xml"),
    path("invoices/<int:invoice>/ubl", InvoiceUblView.as_view(), name="invoice_ubl"),
    path("credit-notes", CreditNotesView.as_view(), name="credit_notes"),
    path("credit-notes/<int:credit_note>", CreditNoteView.as_view(), name="credit_note"),
    path("credit-notes/<int:credit_note>/pdf", CreditNotePdfView.as_view(), name="credit_note_pdf"),
    path("credit-notes/<int:credit_note>/xml", CreditNoteXmlView.as_view(), name="credit_note_xml"),
    path("credit-notes/<int:credit_note>/ubl", CreditNoteUblView.as_view(), name="credit_note_ubl"),
]
