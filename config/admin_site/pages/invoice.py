"""The invoice page."""

from django.contrib import admin

from billing.admin.closing.invoices import InvoiceOfPeriod
from invoices.admin.invoices import InvoiceAdmin
from invoices.models import Invoice
from wallets.admin.payments import InvoicePayments


@admin.register(Invoice)
class InvoicePage(InvoiceOfPeriod, InvoicePayments, InvoiceAdmin):
    actions = ("make_files",)
    actions_detail = (
        *("open_pdf", "edit_draft", "issue_draft", "discard_draft", "record_payment", "charge", "credit"),
        {"title": "More", "icon": "more_horiz", "items": ["take_back", "void", "regenerate", "render_again"]},
    )
