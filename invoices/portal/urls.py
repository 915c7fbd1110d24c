from django.urls import path

from invoices.portal.account_statement import (
    account_statement,
    account_statement_file,
    account_statement_table,
)
from invoices.portal.invoice_list import invoice_list
from invoices.portal.invoice_page import invoice_csv, invoice_page, invoice_pdf
from invoices.portal.payment import pay_invoice
from invoices.portal.payment_methods import (
    add_payment_method,
    charge_automatically,
    delete_payment_method,
    payment_methods,
    replace_payment_method,
    use_payment_method,
)
from invoices.portal.receipts import receipt_page, receipt_pdf

urlpatterns = [
    path("invoices", invoice_list, name="portal_invoices"),
    path("invoices/<int:number>", invoice_page, name="portal_invoice"),
    path("invoices/<int:number>/pay", pay_invoice, name="portal_pay"),
    path("invoices/<int:number>.pdf", invoice_pdf, name="portal_invoice_file"),
    path("invoices/<int:number>.csv", invoice_csv, name="portal_invoice_table"),
    path("invoices/<int:number>/receipts/<int:payment>", receipt_page, name="portal_receipt"),
    path("invoices/<int:number>/receipts/<int:payment>.pdf", receipt_pdf, name="portal_receipt_file"),
    path("statement", account_statement, name="account_statement"),
    path("statement.csv", account_statement_table, name="account_statement_table"),
    path("statement.pdf", account_statement_file, name="account_statement_file"),
    path("payment-methods", payment_methods, name="portal_payment_methods"),
    path("payment-methods/add", add_payment_method, name="portal_add_payment_method"),
    path("payment-methods/automatic", charge_automatically, name="portal_charge_automatically"),
    path("payment-methods/<int:number>/replace", replace_payment_method, name="portal_replace_payment_method"),
    path("payment-methods/<int:number>/default", use_payment_method, name="portal_use_payment_method"),
    path("payment-methods/<int:number>/remove", delete_payment_method, name="portal_remove_payment_method"),
]
