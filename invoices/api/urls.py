from django.urls import path

from invoices.api.account_statements import AccountStatements
from invoices.api.balances import BalanceEntriesView, BalancesView, PayOutView, Refunds
from invoices.api.bank_statements import BankLines, BankStatements
from invoices.api.credit_note_views import CreditNotes, CreditNoteView, VoidInvoiceView
from invoices.api.customer_tax import CustomerTaxes
from invoices.api.explanations import InvoiceExplanations
from invoices.api.files import CreditNoteFiles, InvoiceFiles, ReceiptFiles
from invoices.api.payment_attempts import PaymentAttempts, PaymentMethods
from invoices.api.views import DraftableInvoiceView, Invoices

urlpatterns = [
    path("customers/<str:customer>/tax", CustomerTaxes.route("read"), name="taxation"),
    path("customers/<str:customer>/tax/check", CustomerTaxes.route("check"), name="tax_number_check"),
    path("invoices", Invoices.route("list_all", "create"), name="invoices"),
    path("invoices/<int:invoice>", DraftableInvoiceView.route("read", "update", "discard"), name="invoice"),
    path("invoices/<int:invoice>/issue", Invoices.route("issue"), name="invoice_issue"),
    path("invoices/<int:invoice>/void", VoidInvoiceView.route("void"), name="invoice_void"),
    path("invoices/<int:invoice>/explanation", InvoiceExplanations.route("explain"), name="invoice_explanation"),
    path("invoices/<int:invoice>/pdf", InvoiceFiles.route("pdf"), name="invoice_pdf"),
    path("invoices/<int:invoice>/payments/<int:payment>/receipt", ReceiptFiles.route("pdf"), name="payment_receipt"),
    path("invoices/<int:invoice>/charges", PaymentAttempts.route("list_all", "charge"), name="charges"),
    path(
        "invoices/<int:invoice>/payment-page", PaymentAttempts.route("open_page", "close_page"), name="payment_page"
    ),
    path("bank-statements", BankStatements.route("list_all", "import_file"), name="bank_statements"),
    path("bank-statements/<int:statement>", BankStatements.route("read"), name="bank_statement"),
    path("bank-lines", BankLines.route("list_all"), name="bank_lines"),
    path("bank-lines/<int:line>", BankLines.route("read"), name="bank_line"),
    path("bank-lines/<int:line>/book", BankLines.route("book"), name="bank_line_book"),
    path("bank-lines/<int:line>/ignore", BankLines.route("ignore"), name="bank_line_ignore"),
    path("refunds", Refunds.route("list_all"), name="refunds"),
    path("refunds/<int:refund>/paid", Refunds.route("record"), name="refund_paid"),
    path("customers/<str:customer>/payment-methods", PaymentMethods.route("list_all"), name="payment-methods"),
    path("customers/<str:customer>/payment-methods/page", PaymentMethods.route("open_page"), name="setup_page"),
    path(
        "customers/<str:customer>/payment-methods/<int:payment_method>",
        PaymentMethods.route("make_default", "remove"),
        name="payment_method",
    ),
    path("customers/<str:customer>/account-statement", AccountStatements.route("read"), name="account_statement_api"),
    path("customers/<str:customer>/balances", BalancesView.route("list_all"), name="balances"),
    path("customers/<str:customer>/balances/entries", BalanceEntriesView.route("list_all"), name="balance_entries"),
    path("customers/<str:customer>/balances/payouts", PayOutView.route("pay_out"), name="balance_payouts"),
    path("invoices/<int:invoice>/xml", InvoiceFiles.route("cii"), name="invoice_xml"),
    path("invoices/<int:invoice>/ubl", InvoiceFiles.route("ubl"), name="invoice_ubl"),
    path("credit-notes", CreditNotes.route("list_all", "create"), name="credit_notes"),
    path("credit-notes/<int:credit_note>", CreditNoteView.route("read"), name="credit_note"),
    path("credit-notes/<int:credit_note>/pdf", CreditNoteFiles.route("pdf"), name="credit_note_pdf"),
    path("credit-notes/<int:credit_note>/xml", CreditNoteFiles.route("cii"), name="credit_note_xml"),
    path("credit-notes/<int:credit_note>/ubl", CreditNoteFiles.route("ubl"), name="credit_note_ubl"),
]
