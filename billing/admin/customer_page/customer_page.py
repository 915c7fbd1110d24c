"""The customer page: usage, cost so far, subscriptions and invoices."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from billing import subscriptions
from billing.admin.customer_page.account_panel import account
from billing.admin.customer_page.tabs import CustomerTab, chosen_tab
from billing.admin.privacy.personal_data import ErasePersonalData, export_file
from billing.admin.simulation.clones import CloneCustomer
from billing.admin.subscriptions.coupons import GiveCustomerCoupon
from billing.admin.subscriptions.creation import SubscribeForm
from customers.admin.customers import CustomerAdmin
from customers.admin.portal_links import CreatePortalLink
from customers.customer_time import current_time
from customers.models import Customer
from invoices.documents.tax_description import taxation_of
from invoices.one_off_invoices import OneOffRequest, draft_invoice
from invoices.tax.vat_id_check import TaxNumberCheckFailed, check_tax_number
from lib.admin import ConfirmedAction, Response, limit_to_sellers, row_action
from lib.admin.columns import display
from lib.admin.labels import shown_labels
from lib.formats import format_number


def is_known(customer: Customer) -> bool:
    """Return whether the customer's personal data is there: after its erasure, only the export is offered."""
    return customer.erased_at is None


class DraftInvoice(ConfirmedAction[Customer]):
    label, icon, verb = _("Create invoice"), "request_quote", _("Create draft")
    permission = "invoices.claim_invoice"
    is_offered = staticmethod(is_known)
    title = _("Create an invoice for {}")
    consequences = (
        _("Creates an empty draft of a one-off invoice. You add its lines and terms next."),
        _("Nothing is due or sent until you issue it."),
    )

    def run(self, customer: Customer) -> Response:
        draft = draft_invoice(customer=customer, request=OneOffRequest(), at=current_time(customer), by=self.user)
        return self.go(reverse("admin:invoices_invoice_edit_draft", args=[draft.pk]))


class CheckTaxNumber(ConfirmedAction[Customer]):
    label = verb = _("Check VAT ID")
    icon = "verified"
    permission = "customers.change_customer"
    refusals = (TaxNumberCheckFailed,)
    title = _("Check {.tax_number}")
    consequences = (
        _("Asks the configured tax authority whether the number is valid, and stores the answer."),
        _("With an invalid number, invoices issued from now on include tax."),
    )

    @staticmethod
    def is_offered(customer: Customer) -> bool:
        return bool(settings.TAX_NUMBER_CHECK and customer.tax_number and is_known(customer))

    def run(self, customer: Customer) -> Response:
        check_tax_number(customer=customer, at=current_time(customer))
        return self.done(_check_result(customer))


class Subscribe(ConfirmedAction[Customer]):
    label, icon, variant, verb = _("Add subscription"), "add", ActionVariant.PRIMARY, _("Add subscription")
    permission = "billing.add_subscription"
    is_offered = staticmethod(is_known)
    refusals = (subscriptions.SubscriptionRefused,)
    title = _("Add a subscription for {}")
    consequences = (
        _("From the start on, usage events for “{.external_id}” are billed at the plan's prices."),
        _("Fees in advance are invoiced at the start, or after the trial."),
    )

    def make_form(self, customer: Customer) -> SubscribeForm:
        form = SubscribeForm(self.posted, customer=customer, at=current_time(customer))
        form.fields["seller"].queryset = limit_to_sellers(self.request, form.fields["seller"].queryset, "pk")
        return form

    def run(self, customer: Customer) -> Response:
        is_draft = self.choices["is_draft"]
        create = subscriptions.draft if is_draft else subscriptions.start
        subscription = create(customer=customer, **self.form.arguments, by=self.user, at=current_time(customer))
        if is_draft:
            text = gettext("%(version)s is drafted for %(customer)s. Activate it to start.")
            return self.done(text % {"version": subscription.version, "customer": customer}, to=subscription)
        text = gettext("%(customer)s is subscribed to %(version)s.")
        return self.done(text % {"version": subscription.version, "customer": customer})

    def field_of(self, refusal: Exception) -> str | None:
        field: str | None = self.form.field_of(refusal)
        return field


class CustomerAccount(CustomerAdmin):
    """A part of the customer page (config/admin_site/pages.py)."""

    subscribe = Subscribe.as_action()
    draft_invoice = DraftInvoice.as_action()
    portal_link = CreatePortalLink.as_action()
    give_coupon = GiveCustomerCoupon.as_action()
    clone = CloneCustomer.as_action()
    check_tax_number = CheckTaxNumber.as_action()
    erase_personal = ErasePersonalData.as_action()

    @row_action(_("Export personal data"), icon="folder_zip", permission="customers.erase_customer")
    def export_personal(self, request: HttpRequest, customer: Customer) -> Response:
        """Send all personal data of the customer as one file."""
        return export_file(customer)

    def page_context(self, request: HttpRequest, customer: Customer) -> dict[str, Any]:
        tab, at = chosen_tab(request), current_time(customer)
        context = {"customer": customer, "tab": tab, "tabs": CustomerTab, "labels": self._labels(request, customer)}
        if tab != CustomerTab.SETTINGS:
            # Without the form, nothing can be saved; and a customer is deleted on the settings alone.
            hidden = ("show_save", "show_save_and_continue", "show_save_and_add_another", "show_delete")
            context |= dict.fromkeys(hidden, False)
        return context | account(request, customer, tab=tab, at=at)

    def _labels(self, request: HttpRequest, customer: Customer) -> dict[str, Any]:
        settings_url = f"?tab={CustomerTab.SETTINGS}" if self.has_change_permission(request, customer) else ""
        return shown_labels(Customer, customer.metadata, customer.tags, edit_url=settings_url)

    def get_fieldsets(self, request: HttpRequest, obj: Customer | None = None) -> Any:
        """Show the form of a stored customer in a tab of its own."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None:
            return fieldsets
        shows_form = chosen_tab(request) == CustomerTab.SETTINGS
        return [*fieldsets, (_("Current taxes"), {"fields": ("taxed",)})] if shows_form else []

    def get_inline_instances(self, request: HttpRequest, obj: Customer | None = None) -> Any:
        shows_form = obj is None or chosen_tab(request) == CustomerTab.SETTINGS
        return super().get_inline_instances(request, obj) if shows_form else []

    def get_readonly_fields(self, request: HttpRequest, obj: Customer | None = None) -> tuple[str, ...]:
        return (*super().get_readonly_fields(request, obj), "taxed") if obj else ()

    @display(description=_("Default tax"))
    def taxed(self, customer: Customer) -> str:
        """Return the taxes that an invoice would carry now, and the problem of an invalid VAT ID."""
        taxation = taxation_of(customer, at=current_time(customer))
        tax_texts = [
            " ".join(filter(None, [f"{tax.name} {format_number(tax.rate)}%", tax.reason])) for tax in taxation.taxes
        ]
        return ". ".join(filter(None, [", ".join(tax_texts), taxation.problem, _check_result(customer)]))


def _check_result(customer: Customer) -> str:
    """Return the result of the online check of the current VAT id; empty without one."""
    if not customer.tax_number or customer.checked_tax_number != customer.tax_number:
        return ""
    when = date_format(timezone.localtime(customer.tax_number_checked_at), "DATETIME_FORMAT")
    values = {"number": customer.tax_number, "time": when}
    if customer.tax_number_is_valid:
        return gettext("%(number)s is valid, as of %(time)s") % values
    return gettext("%(number)s is invalid, as of %(time)s") % values
