"""Forms of webhook endpoints."""

from django import forms
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
        label="Kinds of event",
        help_text="Tick none to send every kind, also kinds that are added later.",
    )

    class Meta:
        model = WebhookEndpoint
        fields = ("url", "description", "kinds")
        widgets = {
            "url": UnfoldAdminTextInputWidget(attrs={"placeholder": "https://example.com/tollbook"}),
            "description": UnfoldAdminTextInputWidget,
        }
        help_texts = {"url": "https, on port 443 or 8443. Receivers answer 2xx within 15 seconds."}

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"].strip()
        try:
            http_client.check_address(url)
        except http_client.AddressRefused as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        return url


class NewEndpointForm(EndpointForm):
    sandbox = forms.BooleanField(
        required=False, widget=UnfoldBooleanSwitchWidget, label="It hears of sandbox customers, and of no live ones"
    )


class SecretRotationForm(StaffForm):
    hours = forms.IntegerField(
        label="Hours for which messages are signed with the old secret, too",
        min_value=0,
        max_value=webhook_endpoints.LONGEST_OVERLAP.days * 24,
        initial=24,
        help_text="0 if the old one became known to somebody.",
    )


class MissedForm(StaffForm):
    since = forms.SplitDateTimeField(label="What happened since (UTC)")
    delivered = forms.BooleanField(required=False, label="Send what was delivered as well")
