"""A customer's page: what they use, what it costs so far, what they are on, what they were sent."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeVerticalWidget,
    UnfoldAdminTextInputWidget,
)

from billing import subscribing
from billing.admin.account import account
from customers.admin.customers import CustomerAdmin
from customers.models import Customer
from plans.models import PlanVersion


class SubscribeForm(forms.Form):
    version = forms.ModelChoiceField(
        queryset=PlanVersion.objects.none(),
        label="Plan",
        empty_label="Choose a plan",
        widget=UnfoldAdminSelectWidget,
        help_text="The version in force now, or at the start below.",
    )
    starts_at = forms.SplitDateTimeField(
        label="From (UTC)",
        widget=UnfoldAdminSplitDateTimeVerticalWidget,
        help_text="A moment in the past bills what was due since.",
    )
    external_id = forms.CharField(
        label="Your product's name for it",
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Optional; events may name the subscription by it.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["version"].queryset = (
            PlanVersion.objects.in_force(timezone.now()).select_related("plan").order_by("plan__name")
        )


@admin.register(Customer)
class AccountAdmin(CustomerAdmin):
    change_form_outer_before_template = "backoffice/account.html"
    actions_detail = ("subscribe",)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        customer = self.get_object(request, object_id)
        shown: dict[str, Any] = {}
        if customer is not None and request.method == "GET":
            shown = {"customer": customer, **account(customer, at=timezone.now())}
        return super().change_view(request, object_id, form_url, shown | (extra_context or {}))

    def has_subscribe_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("billing.add_subscription"))

    @action(description="Subscribe", icon="add", permissions=["subscribe"], variant=ActionVariant.PRIMARY)
    def subscribe(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Put the customer on a plan."""
        customer = self.get_object(request, object_id)
        if customer is None:
            raise Http404(f"There is no customer {object_id}.")
        if not self.has_view_permission(request, customer):
            raise PermissionDenied
        at = timezone.now()
        form = SubscribeForm(request.POST or None, initial={"starts_at": at.replace(second=0, microsecond=0)})
        if request.method == "POST" and form.is_valid():
            try:
                made = subscribing.start(
                    customer=customer,
                    version=form.cleaned_data["version"],
                    starts_at=form.cleaned_data["starts_at"],
                    external_id=form.cleaned_data["external_id"] or None,
                    by=request.user,
                    at=at,
                )
            except subscribing.SubscriptionRefused as refusal:
                form.add_error(None, str(refusal))
            else:
                messages.success(request, f"{customer} is subscribed to {made.version}.")
                return HttpResponseRedirect(reverse("admin:customers_customer_change", args=[customer.pk]))
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=customer,
            title=f"Subscribe {customer}",
            consequences=[
                f"From the moment below, usage that events send for “{customer.external_id}” is priced by the plan.",
                f"Invoices are in {customer.currency}; fees due in advance are invoiced at the start.",
            ],
            form=form,
            verb="Subscribe customer",
        )
