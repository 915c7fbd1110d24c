"""The customer page: usage, cost so far, subscriptions and invoices."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from billing import subscriptions
from billing.admin.customer_page.account_panel import account
from billing.admin.privacy import personal_data
from billing.admin.simulation.clones import clone_view
from billing.admin.subscriptions.creation import SubscribeForm
from customers.admin.customers import CustomerAdmin
from customers.admin.portal_links import create_portal_link
from customers.customer_time import current_time
from customers.models import Customer
from invoices.documents.tax_description import taxation_of
from invoices.one_off_invoices import OneOffRequest, draft_invoice
from invoices.tax.vat_id_check import TaxNumberCheckFailed, check_tax_number
from lib.formats import format_number


class CustomerAccount(CustomerAdmin):
    """A part of the customer page (config/admin_site/pages/customer.py)."""

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        customer = self.get_object(request, object_id)
        shown: dict[str, Any] = {}
        if customer is not None and request.method == "GET":
            shown = {"customer": customer, **account(customer, at=current_time(customer))}
        return super().change_view(request, object_id, form_url, shown | (extra_context or {}))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """
        Offer no clone for sandbox customers, no check without a VAT id and a provider, and only the export after
        erasure.
        """
        actions = super().get_actions_detail(request, object_id)
        customer = Customer.objects.filter(pk=object_id).first()
        if not settings.TAX_NUMBER_CHECK or customer is None or not customer.tax_number:
            actions = [offered for offered in actions if not offered.action_name.endswith("check_tax_number")]
        if customer is not None and customer.sandbox:
            actions = [offered for offered in actions if not offered.action_name.endswith("clone")]
        if customer is not None and customer.erased_at is not None:
            actions = [offered for offered in actions if offered.action_name.endswith("export_personal")]
        return actions

    def has_invite_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("customers.add_portallink"))

    @action(description="Portal link", icon="login", permissions=["invite"])
    def portal_link(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Create a portal link for one of the customer's contacts, or to view the portal as they do."""
        return create_portal_link(self, request, self._seen(request, object_id))

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

    def has_draft_invoice_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("invoices.claim_invoice"))

    @action(description="Draft an invoice", icon="request_quote", permissions=["draft_invoice"])
    def draft_invoice(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Draft a one-off invoice."""
        customer = self._seen(request, object_id)
        if request.method == "POST":
            draft = draft_invoice(
                customer=customer, request=OneOffRequest(), at=current_time(customer), by=request.user
            )
            return HttpResponseRedirect(reverse("admin:invoices_invoice_edit_draft", args=[draft.pk]))
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=customer,
            title=f"Draft an invoice for {customer}",
            consequences=[
                "An empty draft is made, for what no subscription bills; its lines and terms come next.",
                "Nothing is claimed or sent before it is issued.",
            ],
            verb="Draft invoice",
        )

    def has_check_tax_number_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("customers.change_customer"))

    @action(description="Check VAT id", icon="verified", permissions=["check_tax_number"])
    def check_tax_number(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Check whether the customer's VAT id is in use."""
        customer = self._seen(request, object_id)
        if request.method == "POST":
            try:
                check_tax_number(customer=customer, at=current_time(customer))
            except TaxNumberCheckFailed as refused:
                messages.error(request, str(refused))
            else:
                messages.success(request, _check_result(customer))
            return HttpResponseRedirect(reverse("admin:customers_customer_change", args=[customer.pk]))
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=customer,
            title=f"Check {customer.tax_number}",
            consequences=[
                "The office that is set up is asked whether the number is in use, and its answer is kept.",
                "A number that is not in use is taxed on documents issued from now on.",
            ],
            verb="Check VAT id",
        )

    def has_clone_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("customers.add_testclock"))

    @action(description="Clone into the sandbox", icon="science", permissions=["clone"])
    def clone(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Clone the customer into the sandbox, where its past usage is replayed."""
        return clone_view(self, request, self._seen(request, object_id))

    def has_personal_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("customers.erase_customer"))

    @action(description="Export personal data", icon="folder_zip", permissions=["personal"])
    def export_personal(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send all personal data of the customer as one file."""
        return personal_data.export_file(self._seen(request, object_id))

    @action(description="Erase personal data", icon="person_off", permissions=["personal"])
    def erase_personal(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Erase the customer's personal data, after showing the consequences and obstacles."""
        return personal_data.erasure_view(self, request, self._seen(request, object_id))

    def _seen(self, request: HttpRequest, object_id: str) -> Customer:
        customer: Customer | None = self.get_object(request, object_id)
        if customer is None:
            raise Http404(f"There is no customer {object_id}.")
        if not self.has_view_permission(request, customer):
            raise PermissionDenied
        return customer

    def has_subscribe_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("billing.add_subscription"))

    @action(description="Subscribe", icon="add", permissions=["subscribe"], variant=ActionVariant.PRIMARY)
    def subscribe(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Subscribe the customer to a plan."""
        customer = self._seen(request, object_id)
        at = current_time(customer)
        form = SubscribeForm(request.POST or None, customer=customer, at=at)
        if request.method == "POST" and form.is_valid():
            try:
                is_draft = form.cleaned_data["is_draft"]
                create = subscriptions.draft if is_draft else subscriptions.start
                subscription = create(customer=customer, **form.arguments, by=request.user, at=at)
            except subscriptions.SubscriptionRefused as refusal:
                form.add_error(form.field_of(refusal), str(refusal))
            else:
                if is_draft:
                    messages.success(
                        request, f"{subscription.version} is drafted for {customer}: activate it when it is time."
                    )
                    return HttpResponseRedirect(reverse("admin:billing_subscription_change", args=[subscription.pk]))
                messages.success(request, f"{customer} is subscribed to {subscription.version}.")
                return HttpResponseRedirect(reverse("admin:customers_customer_change", args=[customer.pk]))
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=customer,
            title=f"Subscribe {customer}",
            consequences=[
                f"From the moment below, usage that events send for “{customer.external_id}” is priced by the plan.",
                "Fees due in advance are invoiced at the start, or after the trial, in the currency chosen below.",
            ],
            form=form,
            verb="Subscribe customer",
        )


def _check_result(customer: Customer) -> str:
    """Return the result of the online check of the current VAT id; empty without one."""
    if not customer.tax_number or customer.checked_tax_number != customer.tax_number:
        return ""
    when = date_format(timezone.localtime(customer.tax_number_checked_at), "DATETIME_FORMAT")
    return f"{customer.tax_number} is {'' if customer.tax_number_is_valid else 'not '}in use, as of {when}"
