"""The pages of customers."""

from typing import Any

from django import forms
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from customers.admin.parties import ADDRESS, LANGUAGE, PartyForm
from customers.admin.search import customer_matches
from customers.customer_time import current_time
from customers.models import Contact, Customer
from customers.registration import announce_customer_created, announce_customer_updated
from lib.admin import StaffAdmin
from lib.admin.labels import MetadataText, TagFilter, TagsText, find_by_metadata, tags_column
from lib.row_form import RowForm

MAX_CONTACTS = 50


class ContactForm(RowForm[Contact]):
    class Meta:
        model = Contact
        fields = ("name", "email", "language", "role", "billing", "alerts")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"].widget.attrs["placeholder"] = gettext("customer's language")


class ContactInline(TabularInline):
    """Contacts, who receive a customer's email: rows on the customer's page."""

    model = Contact
    form = ContactForm
    extra = 0
    max_num = MAX_CONTACTS
    ordering = ("pk",)
    verbose_name_plural = _("contacts")


class CustomerForm(PartyForm):
    tags = TagsText()
    metadata = MetadataText()

    class Meta:
        model = Customer
        exclude = ()

    def clean_external_id(self) -> str:
        value: str = self.cleaned_data["external_id"].strip()
        if not value:
            raise forms.ValidationError(gettext("Enter the ID that your product sends with the customer's events."))
        return value

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("test_clock") and not cleaned.get("sandbox"):
            self.add_error(
                "test_clock",
                gettext("Only sandbox customers can have a test clock. Select Sandbox, or remove the clock."),
            )
        return cleaned


class CustomerAdmin(StaffAdmin):
    """Registered by billing, which adds the customer's usage, receivables and subscriptions."""

    seller_paths = ("seller",)
    form = CustomerForm
    empty_text = _("Add a customer here, or create customers through the API.")
    list_filter = ("seller", TagFilter)
    list_select_related = ("seller", "test_clock", "owner")
    search_fields = ("legal_name", "external_id")
    search_help_text = _("Part of the name, start of the external ID, or key:value of metadata")
    fixed_fields = ("external_id", "sandbox", "test_clock")  # events and invoices identify a customer by them
    autocomplete_fields = ("seller", "test_clock")
    inlines = (ContactInline,)
    fieldsets = (
        (None, {"fields": ("legal_name", "external_id", "seller", "currency", "sandbox", "test_clock", "owner")}),
        (_("Address on invoices"), {"fields": ADDRESS}),
        (_("Language and time zone"), {"fields": LANGUAGE}),
        (
            _("Tax and invoicing"),
            {
                "fields": (
                    *("tax_number", "tax_exemption", "tax_code", "net_days", "billed_each", "purchase_order"),
                    "accounting_group",
                    "one_document",
                )
            },
        ),
        (_("Payment"), {"fields": ("charges_automatically", "dunning_hold_until")}),
        (_("Tags and metadata"), {"fields": ("tags", "metadata")}),
    )

    tags_shown = tags_column()

    def save_model(self, request: HttpRequest, obj: Customer, form: Any, change: bool) -> None:
        """Store the customer and announce the change; changes of contacts are announced when those are stored."""
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            if change:
                announce_customer_updated(obj, form.changed_data, at=current_time(obj))
            else:
                announce_customer_created(obj, at=current_time(obj))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        with transaction.atomic():
            super().save_formset(request, form, formset, change)
            if change and formset.has_changed():
                announce_customer_updated(form.instance, ["contacts"], at=current_time(form.instance))

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Customer], search_term: str) -> Any:
        term = search_term.strip()
        if not term:
            return queryset, False
        if (exact_matches := queryset.filter(sandbox__in=[False, True], external_id=term)).exists():
            return exact_matches, False
        if (labeled := find_by_metadata(queryset, term)) is not None:
            return labeled, False
        return queryset.filter(customer_matches(term)), False
