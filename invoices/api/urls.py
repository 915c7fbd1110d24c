from django.urls import path

from invoices.api.views import InvoicesView, InvoiceView, PdfView

urlpatterns = [
    path("invoices", InvoicesView.as_view(), name="invoices"),
    path("invoices/<int:invoice>", InvoiceView.as_view(), name="invoice"),
    path("invoices/<int:invoice>/pdf", PdfView.as_view(), name="invoice_pdf"),
]
