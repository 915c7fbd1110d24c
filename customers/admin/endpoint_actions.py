"""Actions of staff on webhook endpoints: add, test, resend, rotate, switch off and on, remove."""

from datetime import timedelta

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.enums import ActionVariant

from customers.admin.endpoint_forms import MissedForm, NewEndpointForm, SecretRotationForm
from customers.admin.secret_page import secret_page
from customers.models import WebhookEndpoint
from customers.notifications import endpoint_health, webhook_endpoints
from customers.notifications.resend import FURTHEST_BACK, resend_since
from lib.admin import ConfirmedAction, Preview, list_url, page_url


class AddEndpoint(ConfirmedAction[None]):
    verb = "Add endpoint"
    permission = "customers.add_webhookendpoint"
    form_class = NewEndpointForm
    refusals = (webhook_endpoints.EndpointRefused,)
    title = "Add a webhook endpoint"
    consequences = [
        "From now on, what happens to customers is posted to this address, signed.",
        "The secret that its receiver verifies messages with is shown once, on the next page.",
    ]

    def find(self) -> None:
        return None

    def run(self, subject: None) -> HttpResponse:
        return show_secret(self.request, *webhook_endpoints.create(**self.choices, by=self.user))


class EndpointAction(ConfirmedAction[WebhookEndpoint]):
    """What is done to an endpoint."""

    permission = "customers.change_webhookendpoint"
    problems_title = "It cannot be done now:"
    refusals = (webhook_endpoints.EndpointRefused,)


class SendTest(EndpointAction):
    label, icon, verb = "Test", "send", "Send a test"
    title = "Send a test"
    consequences = ["A message of the type webhook.test is sent within seconds, signed as any other."]

    def run(self, endpoint: WebhookEndpoint) -> HttpResponse:
        webhook_endpoints.send_test(endpoint=endpoint, at=timezone.now())
        return self.done("A test is on its way: see Deliveries for what comes of it.")


class SendMissed(EndpointAction):
    """Send again what the endpoint did not accept."""

    label, icon, verb = "Send missed", "replay", "Send what it missed"
    title = "Send {} what it missed"
    consequences = [
        "What failed, was given up, or happened while it was switched off is sent now.",
        "Messages keep their ids, so that a receiver knows what it has had.",
        f"What is older than {FURTHEST_BACK.days} days cannot be sent again.",
    ]

    def make_form(self, endpoint: WebhookEndpoint) -> forms.Form:
        since = endpoint.failing_since or timezone.now() - timedelta(days=1)
        return MissedForm(self.posted, initial={"since": since})

    def run(self, endpoint: WebhookEndpoint) -> HttpResponse:
        sent_count = resend_since(endpoint=endpoint, **self.choices, at=timezone.now())
        return self.done(f"{sent_count:,} messages are on their way.")


class RotateSecret(EndpointAction):
    """Replace the secret; the old one signs as well for a while."""

    label, icon, verb = "Rotate", "autorenew", "Rotate secret"
    form_class = SecretRotationForm
    title = "Rotate the secret of {}"
    consequences = [
        "A new secret is made, and shown once on the next page.",
        "For the time below, messages have a signature by the old one as well, so that none is refused.",
    ]

    def run(self, endpoint: WebhookEndpoint) -> HttpResponse:
        overlap = timedelta(hours=self.choices["hours"])
        secret = webhook_endpoints.rotate(endpoint=endpoint, overlap=overlap, at=timezone.now())
        return show_secret(self.request, endpoint, secret)


class SwitchEndpoint(EndpointAction):
    label, icon = "On or off", "power_settings_new"

    def preview(self, endpoint: WebhookEndpoint) -> Preview:
        is_off = endpoint.disabled_at is not None
        off = ["Nothing is sent to it any more; what falls due meanwhile is given up, and can be sent later."]
        on = ["What happens from now on is sent to it.", "What it missed is sent by “Send missed”."]
        return Preview(
            title=f"Switch {endpoint} {'on' if is_off else 'off'}",
            consequences=on if is_off else off,
            verb="Switch on" if is_off else "Switch off",
        )

    def run(self, endpoint: WebhookEndpoint) -> HttpResponse:
        if endpoint.disabled_at is not None:
            endpoint_health.enable(endpoint=endpoint)
            return self.done(f"{endpoint} is on.")
        endpoint_health.disable(endpoint=endpoint, at=timezone.now())
        return self.done(f"{endpoint} is off.")


class RemoveEndpoint(EndpointAction):
    """Remove an endpoint; its deliveries stay readable."""

    label, icon, variant, verb = "Remove", "delete", ActionVariant.DANGER, "Remove endpoint"
    danger = True
    title = "Remove {}"
    consequences = [
        "Nothing is sent to it any more, and its secret is forgotten.",
        "What was sent stays in the list of deliveries for its time.",
        "This cannot be undone.",
    ]

    def run(self, endpoint: WebhookEndpoint) -> HttpResponse:
        endpoint_health.remove(endpoint=endpoint, at=timezone.now())
        return self.done(f"{endpoint} is removed.", to=list_url(WebhookEndpoint))


def show_secret(request: HttpRequest, endpoint: WebhookEndpoint, secret: str) -> HttpResponse:
    title, back = f"The secret of {endpoint}", page_url(endpoint)
    return secret_page(request, title=title, name=endpoint, secret=secret, back=back)
