"""Actions of staff on webhook endpoints: add, test, resend, rotate, disable and enable, remove."""

from datetime import timedelta

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from customers.admin.endpoint_forms import MissedForm, NewEndpointForm, SecretRotationForm
from customers.admin.secret_page import secret_page
from customers.models import WebhookEndpoint
from customers.notifications import endpoint_health, webhook_endpoints
from customers.notifications.resend import FURTHEST_BACK, resend_since
from lib.admin import ConfirmedAction, Preview, list_url, page_url


class AddEndpoint(ConfirmedAction[None]):
    verb = _("Add endpoint")
    permission = "customers.add_webhookendpoint"
    form_class = NewEndpointForm
    refusals = (webhook_endpoints.EndpointRefused,)
    title = _("Add webhook endpoint")
    consequences = (
        _("Tollbook sends signed messages about events to this URL from now on."),
        _("The secret that verifies the signature is shown once, on the next page."),
    )

    def find(self) -> None:
        return None

    def run(self, subject: None) -> HttpResponse:
        return show_secret(self.request, *webhook_endpoints.create(**self.choices, by=self.user))


class EndpointAction(ConfirmedAction[WebhookEndpoint]):
    """An action on an endpoint."""

    permission = "customers.change_webhookendpoint"
    problems_title = _("Not possible now:")
    refusals = (webhook_endpoints.EndpointRefused,)


class SendTest(EndpointAction):
    label, icon, verb = _("Send test"), "send", _("Send test")
    title = _("Send a test message to {}")
    consequences = (_("A signed message of type webhook.test is sent within seconds."),)

    def run(self, endpoint: WebhookEndpoint) -> HttpResponse:
        webhook_endpoints.send_test(endpoint=endpoint, at=timezone.now())
        return self.done(gettext("The test message is queued. The result appears under Deliveries."))


class SendMissed(EndpointAction):
    """Send the messages again that the endpoint did not accept."""

    label, icon, verb = _("Resend missed"), "replay", _("Resend missed messages")

    def preview(self, endpoint: WebhookEndpoint) -> Preview:
        limit = ngettext(
            "Messages older than %(days)s day can't be sent again.",
            "Messages older than %(days)s days can't be sent again.",
            FURTHEST_BACK.days,
        )
        return Preview(
            title=gettext("Resend missed messages to %(endpoint)s") % {"endpoint": endpoint},
            consequences=[
                gettext("Sends the messages that failed, were abandoned, or arose while the endpoint was disabled."),
                gettext("Messages keep their IDs, so receivers can skip those they already have."),
                limit % {"days": FURTHEST_BACK.days},
            ],
        )

    def make_form(self, endpoint: WebhookEndpoint) -> forms.Form:
        since = endpoint.failing_since or timezone.now() - timedelta(days=1)
        return MissedForm(self.posted, initial={"since": since})

    def run(self, endpoint: WebhookEndpoint) -> HttpResponse:
        sent_count = resend_since(endpoint=endpoint, **self.choices, at=timezone.now())
        text = ngettext("%(count)s message is queued.", "%(count)s messages are queued.", sent_count)
        return self.done(text % {"count": f"{sent_count:,}"})


class RotateSecret(EndpointAction):
    """Replace the secret; messages are signed with the old one too for a while."""

    label, icon, verb = _("Rotate secret"), "autorenew", _("Rotate secret")
    form_class = SecretRotationForm
    title = _("Rotate the secret of {}")
    consequences = (
        _("A new secret is created and shown once, on the next page."),
        _("During the overlap, messages are signed with both secrets."),
    )

    def run(self, endpoint: WebhookEndpoint) -> HttpResponse:
        overlap = timedelta(hours=self.choices["hours"])
        secret = webhook_endpoints.rotate(endpoint=endpoint, overlap=overlap, at=timezone.now())
        return show_secret(self.request, endpoint, secret)


class SwitchEndpoint(EndpointAction):
    label, icon = _("Enable or disable"), "power_settings_new"

    def preview(self, endpoint: WebhookEndpoint) -> Preview:
        is_off = endpoint.disabled_at is not None
        if is_off:
            return Preview(
                title=gettext("Enable %(endpoint)s") % {"endpoint": endpoint},
                consequences=[
                    gettext("New messages are sent to this endpoint from now on."),
                    gettext("Use “Resend missed” for the messages that it missed."),
                ],
                verb=gettext("Enable"),
            )
        return Preview(
            title=gettext("Disable %(endpoint)s") % {"endpoint": endpoint},
            consequences=[gettext("Messages are no longer sent to this endpoint. You can resend them later.")],
            verb=gettext("Disable"),
        )

    def run(self, endpoint: WebhookEndpoint) -> HttpResponse:
        if endpoint.disabled_at is not None:
            endpoint_health.enable(endpoint=endpoint)
            return self.done(gettext("%(endpoint)s is enabled.") % {"endpoint": endpoint})
        endpoint_health.disable(endpoint=endpoint, at=timezone.now())
        return self.done(gettext("%(endpoint)s is disabled.") % {"endpoint": endpoint})


class RemoveEndpoint(EndpointAction):
    """Remove an endpoint; its deliveries stay readable."""

    label, icon, variant, verb = _("Remove"), "delete", ActionVariant.DANGER, _("Remove endpoint")
    danger = True
    title = _("Remove {}")
    consequences = (
        _("Messages are no longer sent to this endpoint, and its secret is deleted."),
        _("Past deliveries stay in the list until their retention period ends."),
        _("This can't be undone."),
    )

    def run(self, endpoint: WebhookEndpoint) -> HttpResponse:
        endpoint_health.remove(endpoint=endpoint, at=timezone.now())
        return self.done(gettext("%(endpoint)s was removed.") % {"endpoint": endpoint}, to=list_url(WebhookEndpoint))


def show_secret(request: HttpRequest, endpoint: WebhookEndpoint, secret: str) -> HttpResponse:
    title = gettext("Secret of %(name)s") % {"name": endpoint}
    return secret_page(request, title=title, secret=secret, back=page_url(endpoint))
