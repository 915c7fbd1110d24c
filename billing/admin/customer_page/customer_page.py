"""The customer page: usage, cost so far, subscriptions and invoices."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from unfold.decorators import display
from unfold.enums import ActionVariant

from billing import subscriptions
from billing.admin.customer_page.account_panel import account
from billing.admin.privacy.personal_data import ErasePersonalData, export_file
from billing.admin.simulation.clones import CloneCustomer
from billing.admin.subscriptions.creation import SubscribeForm
from customers.admin.customers import CustomerAdmin
from customers.admin.portal_links import CreatePortalLink
from customers.customer_time import current_time
from customers.models import Customer
from invoices.documents.tax_description import taxation_of
from invoices.one_off_invoices import OneOffRequest, draft_invoice
from invoices.tax.vat_id_check import TaxNumberCheckFailed, check_tax_number
from lib.admin import ConfirmedAction, Response, row_action
from lib.formats import format_number


def is_known(customer: Customer) -> bool:
    """Return whether the customer's personal data is there: after its erasure, only the export is offered."""
    return customer.erased_at is None


class DraftInvoice(ConfirmedAction[Customer]):
    label, icon, verb = "Draft an invoice", "request_quote", "Draft invoice"
    permission = "invoices.claim_invoice"
    is_offered = staticmethod(is_known)
    title = "Draft an invoice for {}"
    consequences = [
        "An empty draft is made, for what no subscription bills; its lines and terms come next.",
        "Nothing is claimed or sent before it is issued.",
    ]

    def run(self, customer: Customer) -> Response:
        draft = draft_invoice(customer=customer, request=OneOffRequest(), at=current_time(customer), by=self.user)
        return self.go(reverse("admin:invoices_invoice_edit_draft", args=[draft.pk]))


class CheckTaxNumber(ConfirmedAction[Customer]):
    label = verb = "Check VAT id"
    icon = "verified"
    permission = "customers.change_customer"
    refusals = (TaxNumberCheckFailed,)
    title = "Check {.tax_number}"
    consequences = [
        "The office that is set up is asked whether the number is in use, and its answer is kept.",
        "A number that is not in use is taxed on documents issued from now on.",
    ]

    @staticmethod
    def is_offered(customer: Customer) -> bool:
        return bool(settings.TAX_NUMBER_CHECK and customer.tax_number and is_known(customer))

    def run(self, customer: Customer) -> Response:
        check_tax_number(customer=customer, at=current_time(customer))
        return self.done(_check_result(customer))


class Subscribe(ConfirmedAction[Customer]):
    label, icon, variant, verb = "Subscribe", "add", ActionVariant.PRIMARY, "Subscribe customer"
    permission = "billing.add_subscription"
    is_offered = staticmethod(is_known)
    refusals = (subscriptions.SubscriptionRefused,)
    title = "Subscribe {}"
    consequences = [
        "From the moment below, usage that events send for “{.external_id}” is priced by the plan.",
        "Fees due in advance are invoiced at the start, or after the trial, in the currency chosen below.",
    ]

    def make_form(self, customer: Customer) -> SubscribeForm:
        return SubscribeForm(self.posted, customer=customer, at=current_time(customer))

    def run(self, customer: Customer) -> Response:
        is_draft = self.choices["is_draft"]
        create = subscriptions.draft if is_draft else subscriptions.start
        subscription = create(customer=customer, **self.form.arguments, by=self.user, at=current_time(customer))
        if is_draft:
            drafted = f"{subscription.version} is drafted for {customer}: activate it when it is time."
            return self.done(drafted, to=subscription)
        return self.done(f"{customer} is subscribed to {subscription.version}.")

    def field_of(self, refusal: Exception) -> str | None:
        field: str | None = self.form.field_of(refusal)
        return field


class CustomerAccount(CustomerAdmin):
    """A part of the customer page (config/admin_site/pages.py)."""

    subscribe = Subscribe.as_action()
    draft_invoice = DraftInvoice.as_action()
    portal_link = CreatePortalLink.as_action()
    clone = CloneCustomer.as_action()
    check_tax_number = CheckTaxNumber.as_action()
    erase_personal = ErasePersonalData.as_action()

    @row_action("Export personal data", icon="folder_zip", permission="customers.erase_customer")
    def export_personal(self, request: HttpRequest, customer: Customer) -> Response:
        """Send all personal data of the customer as one file."""
        return export_file(customer)

    def page_context(self, request: HttpRequest, customer: Customer) -> dict[str, Any]:
        return {"customer": customer, **account(customer, at=current_time(customer))}

    def get_fieldsets(self, request: HttpRequest, obj: Customer | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        return [*fieldsets, ("Taxed now", {"fields": ("taxed",)})] if obj else fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Customer | None = None) -> tuple[str, ...]:
        return (*super().get_readonly_fields(request, obj), "taxed") if obj else ()

    @display(description="Where the product has no rate of its own")
    def taxed(self, customer: Customer) -> str:
        """Return the taxes that an invoice would carry now, and why a VAT id does not count."""
        taxation = taxation_of(customer, at=current_time(customer))
        tax_texts = [
            " ".join(filter(None, [f"{tax.name} {format_number(tax.rate)} %", tax.reason])) for tax in taxation.taxes
        ]
        return ". ".join(filter(None, [", ".join(tax_texts), taxation.problem, _check_result(customer)]))


def _check_result(customer: Customer) -> str:
    """Return the result of the online check of the current VAT id; empty without one."""
    if not customer.tax_number or customer.checked_tax_number != customer.tax_number:
        return ""
    when = date_format(timezone.localtime(customer.tax_number_checked_at), "DATETIME_FORMAT")
    return f"{customer.tax_number} is {'' if customer.tax_number_is_valid else 'not '}in use, as of {when}"
