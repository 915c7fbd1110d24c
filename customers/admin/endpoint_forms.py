"""Forms of webhook endpoints."""

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from customers.models import WebhookEndpoint
from customers.notifications import http_client, webhook_endpoints
from customers.notifications.kinds import KINDS
from lib.admin import StaffForm
from lib.row_form import RowForm


class EndpointForm(RowForm[WebhookEndpoint]):
    kinds = forms.MultipleChoiceField(
        choices=[(name, f"{name}: {kind.title}") for name, kind in KINDS.items()],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        label=_("Events to send"),
        help_text=_("Select none to send all events, including types added later."),
    )

    class Meta:
        model = WebhookEndpoint
        fields = ("url", "description", "kinds")
        widgets = {
            "url": UnfoldAdminTextInputWidget(attrs={"placeholder": "https://example.com/tollbook"}),
            "description": UnfoldAdminTextInputWidget,
        }
        help_texts = {"url": _("HTTPS on port 443 or 8443. The receiver must respond with 2xx within 15 seconds.")}

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"].strip()
        try:
            http_client.check_address(url)
        except http_client.AddressRefused as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        return url


class NewEndpointForm(EndpointForm):
    sandbox = forms.BooleanField(required=False, widget=UnfoldBooleanSwitchWidget, label=_("Sandbox events only"))


class SecretRotationForm(StaffForm):
    hours = forms.IntegerField(
        label=_("Overlap (hours)"),
        min_value=0,
        max_value=webhook_endpoints.LONGEST_OVERLAP.days * 24,
        initial=24,
        help_text=_("Enter 0 if the old secret was exposed."),
    )


class MissedForm(StaffForm):
    since = forms.SplitDateTimeField(label=_("Since (UTC)"))
    delivered = forms.BooleanField(required=False, label=_("Include delivered messages"))
