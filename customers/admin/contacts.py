"""Contacts, who receive a customer's email: rows on the customer's page."""

from typing import Any

from unfold.admin import TabularInline

from customers.models import Contact
from lib.row_form import RowForm

MOST = 50


class ContactForm(RowForm[Contact]):
    class Meta:
        model = Contact
        fields = ("name", "email", "language", "billing", "alerts")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"].widget.attrs["placeholder"] = "the customer's"


class ContactInline(TabularInline):
    model = Contact
    form = ContactForm
    extra = 0
    max_num = MOST
    ordering = ("pk",)
    verbose_name_plural = "contacts: who gets mail"
