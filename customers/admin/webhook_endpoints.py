"""
Webhook endpoints: created with a secret that is shown once, tested, rotated, disabled, resent missed messages,
removed.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import BooleanRadioFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSplitDateTimeVerticalWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from customers.models import WebhookEndpoint
from customers.models.webhook_endpoints import DisabledReason
from customers.notifications import endpoint_health, http_client, webhook_endpoints
from customers.notifications.kinds import KINDS
from customers.notifications.resend import FURTHEST_BACK, resend_since

STATE_COLORS = {"works": "success", "sandbox": "warning", "failing": "danger", "disabled": "danger"}


class EndpointForm(forms.ModelForm):
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


class SecretRotationForm(forms.Form):
    hours = forms.IntegerField(
        label="Hours for which messages are signed with the old secret, too",
        min_value=0,
        max_value=webhook_endpoints.LONGEST_OVERLAP.days * 24,
        initial=24,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="0 if the old one became known to somebody.",
    )


class MissedForm(forms.Form):
    since = forms.SplitDateTimeField(widget=UnfoldAdminSplitDateTimeVerticalWidget, label="What happened since (UTC)")
    delivered = forms.BooleanField(
        required=False, widget=UnfoldBooleanSwitchWidget, label="Send what was delivered as well"
    )


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ModelAdmin):
    form = EndpointForm
    list_display = ("shown", "url", "kinds_shown", "state", "created_at")
    list_filter = (("sandbox", BooleanRadioFilter),)
    search_fields = ("url", "description")
    search_help_text = "Part of the address or the description"
    ordering = ("-pk",)
    fields = ("url", "description", "kinds", "world", "state_in_words", "signed", "created_at", "created_by")
    readonly_fields = ("world", "state_in_words", "signed", "created_at", "created_by")
    actions_detail = (
        *("send_test", "deliveries"),
        {"title": "More", "icon": "more_horiz", "items": ["missed", "rotate", "switch", "remove"]},
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        return super().get_queryset(request).not_removed().select_related("created_by")

    @display(description="Endpoint", ordering="description")
    def shown(self, endpoint: WebhookEndpoint) -> str:
        return str(endpoint)

    @display(description="Kinds of event")
    def kinds_shown(self, endpoint: WebhookEndpoint) -> str:
        return ", ".join(endpoint.kinds) or "everything"

    @display(description="Of")
    def world(self, endpoint: WebhookEndpoint) -> str:
        return "sandbox customers" if endpoint.sandbox else "live customers"

    @display(description="State", label=STATE_COLORS)
    def state(self, endpoint: WebhookEndpoint) -> tuple[str, str]:
        if endpoint.disabled_at is not None:
            return "disabled", endpoint.get_disabled_reason_display()
        if endpoint.failing_since is not None:
            return "failing", "fails"
        return ("sandbox", "works in the sandbox") if endpoint.sandbox else ("works", "works")

    @display(description="State")
    def state_in_words(self, endpoint: WebhookEndpoint) -> str:
        if endpoint.disabled_at is not None:
            reason = endpoint.get_disabled_reason_display()
            return f"Off since {endpoint.disabled_at:%d %b %Y, %H:%M} UTC: {reason}."
        if endpoint.failing_since is not None:
            days = endpoint_health.FAILS_FOR.days
            since = f"{endpoint.failing_since:%d %b %Y, %H:%M} UTC"
            return f"No message was accepted since {since}. After {days} days of that it is switched off."
        return "Messages are accepted, as far as any were sent."

    @display(description="Signed with")
    def signed(self, endpoint: WebhookEndpoint) -> str:
        if endpoint.previous_until is not None and endpoint.previous_until > timezone.now():
            return f"its secret, and the one before until {endpoint.previous_until:%d %b %Y, %H:%M} UTC"
        return "its secret, which was shown when it was made"

    def has_delete_permission(self, request: HttpRequest, obj: WebhookEndpoint | None = None) -> bool:
        """Reject deletion: the Remove action keeps the deliveries readable."""
        return False

    def has_steer_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("customers.change_webhookendpoint"))

    def has_look_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("customers.view_delivery"))

    def save_model(self, request: HttpRequest, obj: WebhookEndpoint, form: Any, change: bool) -> None:
        webhook_endpoints.change(endpoint=obj, **{name: form.cleaned_data[name] for name in form.changed_data})

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = NewEndpointForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            endpoint, secret = webhook_endpoints.create(**form.cleaned_data, by=request.user)
            return self._show(request, endpoint, secret)
        return self.admin_site.confirmation(
            request,
            page=self,
            title="Add a webhook endpoint",
            consequences=[
                "From now on, what happens to customers is posted to this address, signed.",
                "The secret that its receiver verifies messages with is shown once, on the next page.",
            ],
            form=form,
            verb="Add endpoint",
        )

    @action(description="Test", icon="send", permissions=["steer"])
    def send_test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._confirmed(
            request,
            self._endpoint(request, object_id),
            title="Send a test",
            consequences=["A message of the type webhook.test is sent within seconds, signed as any other."],
            verb="Send a test",
            do=lambda endpoint, form, at: webhook_endpoints.send_test(endpoint=endpoint, at=at),
            done=lambda _: "A test is on its way: see Deliveries for what comes of it.",
        )

    @action(description="Send missed", icon="replay", permissions=["steer"])
    def missed(self, request: HttpRequest, object_id: str) -> HttpResponse:
        endpoint = self._endpoint(request, object_id)
        since = endpoint.failing_since or timezone.now() - timedelta(days=1)
        return self._confirmed(
            request,
            endpoint,
            title=f"Send {endpoint} what it missed",
            consequences=[
                "What failed, was given up, or happened while it was switched off is sent now.",
                "Messages keep their ids, so that a receiver knows what it has had.",
                f"What is older than {FURTHEST_BACK.days} days cannot be sent again.",
            ],
            form=MissedForm(request.POST or None, initial={"since": since}),
            verb="Send what it missed",
            do=lambda endpoint, form, at: resend_since(endpoint=endpoint, **form.cleaned_data, at=at),
            done=lambda messages: f"{messages:,} messages are on their way.",
        )

    @action(description="Rotate", icon="autorenew", permissions=["steer"])
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        endpoint = self._endpoint(request, object_id)
        return self._confirmed(
            request,
            endpoint,
            title=f"Rotate the secret of {endpoint}",
            consequences=[
                "A new secret is made, and shown once on the next page.",
                "For the time below, messages have a signature by the old one as well, so that none is refused.",
            ],
            form=SecretRotationForm(request.POST or None),
            verb="Rotate secret",
            do=lambda endpoint, form, at: webhook_endpoints.rotate(
                endpoint=endpoint, overlap=timedelta(hours=form.cleaned_data["hours"]), at=at
            ),
            done=lambda secret: self._show(request, endpoint, secret),
        )

    @action(description="On or off", icon="power_settings_new", permissions=["steer"])
    def switch(self, request: HttpRequest, object_id: str) -> HttpResponse:
        endpoint = self._endpoint(request, object_id)
        is_off = endpoint.disabled_at is not None
        off = ["Nothing is sent to it any more; what falls due meanwhile is given up, and can be sent later."]
        on = ["What happens from now on is sent to it.", "What it missed is sent by “Send missed”."]
        return self._confirmed(
            request,
            endpoint,
            title=f"Switch {endpoint} {'on' if is_off else 'off'}",
            consequences=on if is_off else off,
            verb="Switch on" if is_off else "Switch off",
            do=lambda endpoint, form, at: (
                endpoint_health.enable(endpoint=endpoint)
                if is_off
                else endpoint_health.disable(endpoint=endpoint, at=at)
            ),
            done=lambda _: f"{endpoint} is {'on' if is_off else 'off'}.",
        )

    @action(description="Remove", icon="delete", permissions=["steer"], variant=ActionVariant.DANGER)
    def remove(self, request: HttpRequest, object_id: str) -> HttpResponse:
        endpoint = self._endpoint(request, object_id)
        return self._confirmed(
            request,
            endpoint,
            title=f"Remove {endpoint}",
            consequences=[
                "Nothing is sent to it any more, and its secret is forgotten.",
                "What was sent stays in the list of deliveries for its time.",
                "This cannot be undone.",
            ],
            verb="Remove endpoint",
            danger=True,
            do=lambda endpoint, form, at: endpoint_health.remove(endpoint=endpoint, at=at),
            done=lambda _: f"{endpoint} is removed.",
            goes_to="admin:customers_webhookendpoint_changelist",
        )

    @action(description="Deliveries", icon="list", permissions=["look"])
    def deliveries(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Redirect to the deliveries of the endpoint."""
        list_url = reverse("admin:customers_delivery_changelist")
        return HttpResponseRedirect(f"{list_url}?endpoint__id__exact={self._endpoint(request, object_id).pk}")

    def _confirmed(
        self,
        request: HttpRequest,
        endpoint: WebhookEndpoint,
        *,
        title: str,
        consequences: Sequence[str],
        verb: str,
        do: Callable[..., Any],
        done: Callable[[Any], Any],
        form: forms.Form | None = None,
        danger: bool = False,
        goes_to: str = "",
    ) -> HttpResponse:
        """
        Ask for confirmation, run `do`, and report the result; done: returns the success message, or the page to show
        next.
        """
        problems = []
        if request.method == "POST" and (form is None or form.is_valid()):
            try:
                success = done(do(endpoint, form, timezone.now()))
            except webhook_endpoints.EndpointRefused as refusal:
                problems = [str(refusal)]
            else:
                if isinstance(success, HttpResponse):
                    return success
                messages.success(request, success)
                endpoint_url = reverse("admin:customers_webhookendpoint_change", args=[endpoint.pk])
                return HttpResponseRedirect(reverse(goes_to) if goes_to else endpoint_url)
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=endpoint,
            title=title,
            consequences=consequences,
            problems=problems,
            problems_title="It cannot be done now:",
            form=form,
            verb=verb,
            danger=danger,
        )

    def _endpoint(self, request: HttpRequest, object_id: str) -> WebhookEndpoint:
        endpoint = self.get_object(request, object_id)
        if endpoint is None or endpoint.disabled_reason == DisabledReason.REMOVED:
            raise Http404(f"There is no webhook endpoint {object_id}.")
        return endpoint

    def _show(self, request: HttpRequest, endpoint: WebhookEndpoint, secret: str) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"The secret of {endpoint}",
            "name": endpoint,
            "secret": secret,
            "back": reverse("admin:customers_webhookendpoint_change", args=[endpoint.pk]),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "staff/customers/secret.html", context)
