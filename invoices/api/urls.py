from django.urls import path

from invoices.api.balances import BalanceEntriesView, BalancesView, PayOutView, RefundPaidView, RefundsView
from invoices.api.credit_note_views import CreditNotePdfView, CreditNotesView, CreditNoteView, VoidInvoiceView
from invoices.api.customer_tax import TaxationView, TaxNumberCheckView
from invoices.api.einvoice_views import CreditNoteUblView, CreditNoteXmlView, InvoiceUblView, InvoiceXmlView
from invoices.api.one_off_views import DraftableInvoiceView, InvoiceListCreateView, IssueDraftView
from invoices.api.payment_attempts import (
    PaymentAttemptsView,
    PaymentMethodsView,
    PaymentMethodView,
    PaymentPageView,
    SetupPageView,
)
from invoices.api.views import InvoicePdfView

urlpatterns = [
    path("customers/<str:customer>/tax", TaxationView.as_view(), name="taxation"),
    path("customers/<str:customer>/tax/check", TaxNumberCheckView.as_view(), name="tax_number_check"),
    path("invoices", InvoiceListCreateView.as_view(), name="invoices"),
    path("invoices/<int:invoice>", DraftableInvoiceView.as_view(), name="invoice"),
    path("invoices/<int:invoice>/issue", IssueDraftView.as_view(), name="invoice_issue"),
    path("invoices/<int:invoice>/void", VoidInvoiceView.as_view(), name="invoice_void"),
    path("invoices/<int:invoice>/pdf", InvoicePdfView.as_view(), name="invoice_pdf"),
    path("invoices/<int:invoice>/charges", PaymentAttemptsView.as_view(), name="charges"),
    path("invoices/<int:invoice>/payment-page", PaymentPageView.as_view(), name="payment_page"),
    path("refunds", RefundsView.as_view(), name="refunds"),
    path("refunds/<int:refund>/paid", RefundPaidView.as_view(), name="refund_paid"),
    path("customers/<str:customer>/payment-methods", PaymentMethodsView.as_view(), name="payment-methods"),
    path("customers/<str:customer>/payment-methods/page", SetupPageView.as_view(), name="setup_page"),
    path(
        "customers/<str:customer>/payment-methods/<int:payment_method>",
        PaymentMethodView.as_view(),
        name="payment_method",
    ),
    path("customers/<str:customer>/balances", BalancesView.as_view(), name="balances"),
    path("customers/<str:customer>/balances/entries", BalanceEntriesView.as_view(), name="balance_entries"),
    path("customers/<str:customer>/balances/payouts", PayOutView.as_view(), name="balance_payouts"),
    path("invoices/<int:invoice>/xml", InvoiceXmlView.as_view(), name="invoice_xml"),
    path("invoices/<int:invoice>/ubl", InvoiceUblView.as_view(), name="invoice_ubl"),
    path("credit-notes", CreditNotesView.as_view(), name="credit_notes"),
    path("credit-notes/<int:credit_note>", CreditNoteView.as_view(), name="credit_note"),
    path("credit-notes/<int:credit_note>/pdf", CreditNotePdfView.as_view(), name="credit_note_pdf"),
    path("credit-notes/<int:credit_note>/xml", CreditNoteXmlView.as_view(), name="credit_note_xml"),
    path("credit-notes/<int:credit_note>/ubl", CreditNoteUblView.as_view(), name="credit_note_ubl"),
]
