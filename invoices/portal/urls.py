from django.urls import path

from invoices.portal.invoice_list import invoice_list
from invoices.portal.invoice_page import invoice_csv, invoice_page, invoice_pdf
from invoices.portal.payment import pay_invoice

urlpatterns = [
    path("invoices", invoice_list, name="portal_invoices"),
    path("invoices/<int:number>", invoice_page, name="portal_invoice"),
    path("invoices/<int:number>/pay", pay_invoice, name="portal_pay"),
    path("invoices/<int:number>.pdf", invoice_pdf, name="portal_invoice_file"),
    path("invoices/<int:number>.csv", invoice_csv, name="portal_invoice_table"),
]
