"""A customer's page: what they use, what it costs so far, what they are on, what they were sent."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import action
from unfold.enums import ActionVariant

from billing import subscribing
from billing.admin import personal
from billing.admin.account import account
from billing.admin.cloning import cloning
from billing.admin.starting import SubscribeForm
from customers.admin.customers import CustomerAdmin
from customers.admin.portal import portal_link
from customers.clock import time_of
from customers.models import Customer


@admin.register(Customer)
class AccountAdmin(CustomerAdmin):
    change_form_outer_before_template = "backoffice/account.html"
    actions_detail = ("subscribe", "portal_link", "clone", "export_personal", "erase_personal")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        customer = self.get_object(request, object_id)
        shown: dict[str, Any] = {}
        if customer is not None and request.method == "GET":
            shown = {"customer": customer, **account(customer, at=time_of(customer))}
        return super().change_view(request, object_id, form_url, shown | (extra_context or {}))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Sandbox customers are not cloned."""
        found = super().get_actions_detail(request, object_id)
        customer = Customer.objects.filter(pk=object_id).first()
        if customer is not None and customer.sandbox:
            found = [one for one in found if not one.action_name.endswith("clone")]
        if customer is not None and customer.erased_at is not None:
            found = [one for one in found if one.action_name.endswith("export_personal")]
        return found

    def has_invite_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("customers.add_portallink"))

    @action(description="Portal link", icon="login", permissions=["invite"])
    def portal_link(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let one of the customer's people into the portal, or look at it as they do."""
        return portal_link(self, request, self._seen(request, object_id))

    def has_clone_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("customers.add_testclock"))

    @action(description="Clone into the sandbox", icon="science", permissions=["clone"])
    def clone(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let a copy of the customer live their past again."""
        return cloning(self, request, self._seen(request, object_id))

    def has_personal_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("customers.erase_customer"))

    @action(description="Export personal data", icon="folder_zip", permissions=["personal"])
    def export_personal(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Hand out all that is known of the customer, as one file."""
        return personal.exported(self._seen(request, object_id))

    @action(description="Erase personal data", icon="person_off", permissions=["personal"])
    def erase_personal(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Forget who the customer is, after a look at what that means and what stands against it."""
        return personal.erasing(self, request, self._seen(request, object_id))

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
        """Put the customer on a plan."""
        customer = self._seen(request, object_id)
        at = time_of(customer)
        form = SubscribeForm(request.POST or None, customer=customer, at=at)
        if request.method == "POST" and form.is_valid():
            try:
                is_draft = form.cleaned_data["is_draft"]
                make = subscribing.draft if is_draft else subscribing.start
                made = make(customer=customer, **form.asked, by=request.user, at=at)
            except subscribing.SubscriptionRefused as refusal:
                form.add_error(form.field_of(refusal), str(refusal))
            else:
                if is_draft:
                    messages.success(
                        request, f"{made.version} is drafted for {customer}: activate it when it is time."
                    )
                    return HttpResponseRedirect(reverse("admin:billing_subscription_change", args=[made.pk]))
                messages.success(request, f"{customer} is subscribed to {made.version}.")
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
