from django.urls import path

from invoices.portal.invoice_list import invoices
from invoices.portal.invoice_page import file, invoice, table
from invoices.portal.payment import pay

urlpatterns = [
    path("invoices", invoices, name="portal_invoices"),
    path("invoices/<int:number>", invoice, name="portal_invoice"),
    path("invoices/<int:number>/pay", pay, name="portal_pay"),
    path("invoices/<int:number>.pdf", file, name="portal_invoice_file"),
    path("invoices/<int:number>.csv", table, name="portal_invoice_table"),
]
