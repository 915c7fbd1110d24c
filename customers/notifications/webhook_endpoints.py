"""Create and change webhook endpoints, and rotate their secrets."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import User
from django.db import transaction

from customers.models import Delivery, Notification, WebhookEndpoint
from customers.models.webhook_endpoints import DisabledReason
from customers.notifications import http_client
from customers.notifications.kinds import KINDS, TEST
from customers.notifications.webhook_secrets import new_secret
from lib.encryption import encrypt

# A week to install the new secret at the receiver; until then both sign.
LONGEST_OVERLAP = timedelta(days=7)


class EndpointRefused(ValueError):
    """An endpoint can't be created or changed like this; field: the invalid field, if one is at fault."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


def create(
    *,
    url: str,
    kinds: Collection[str] = (),
    description: str = "",
    sandbox: bool = False,
    by: User | None,
) -> tuple[WebhookEndpoint, str]:
    """
    Create an endpoint; return it with its secret, which is shown once.

    kinds: keys of kinds.KINDS that it receives; empty for all, also those added later.

    :raises EndpointRefused: if the address is not allowed, or a kind is unknown.
    """
    secret = new_secret()
    facts = {"url": url, "kinds": list(kinds), "description": description}
    return WebhookEndpoint.objects.create(
        **_check_facts(facts), sandbox=sandbox, secret=encrypt(secret), created_by=by
    ), secret


def change(*, endpoint: WebhookEndpoint, **facts: Any) -> None:
    """
    Change the URL, kinds or description of an endpoint; messages in progress go to the new URL from their next try.

    :raises EndpointRefused: as in `create`, and if it was removed.
    """
    if facts and not WebhookEndpoint.objects.not_removed().filter(pk=endpoint.pk).update(**_check_facts(facts)):
        raise EndpointRefused("The endpoint was removed.")


@transaction.atomic
def rotate(*, endpoint: WebhookEndpoint, overlap: timedelta, at: datetime) -> str:
    """
    Return an endpoint's new secret, which is shown once; messages are also signed with the old one for `overlap`.

    :raises EndpointRefused: if the overlap is negative or too long, or the endpoint was removed.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        message = f"The old secret may stay valid for 0 to {LONGEST_OVERLAP.days} days, not for {overlap}."
        raise EndpointRefused(message, field="overlap")
    # Row lock: two rotations happen one after the other, so the first new secret becomes the previous one.
    old = WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=endpoint.pk)
    if old.disabled_reason == DisabledReason.REMOVED:
        raise EndpointRefused("The endpoint was removed. Create a new one.")
    secret = new_secret()
    old.previous_secret, old.previous_until = (old.secret, at + overlap) if overlap else ("", None)
    old.secret = encrypt(secret)
    old.save(update_fields=["secret", "previous_secret", "previous_until"])
    return secret


@transaction.atomic
def send_test(*, endpoint: WebhookEndpoint, at: datetime) -> Delivery:
    """
    Send an endpoint a message of the kind `webhook.test`, even if it has not subscribed to it, and return its
    delivery.

    :raises EndpointRefused: if it is disabled.
    """
    refuse_if_disabled(endpoint)
    notification = Notification.objects.create(
        kind=TEST,
        customer=None,
        facts={"message": "This is a test."},
        key=f"webhook.test:{endpoint.pk}:{uuid4()}",
        created_at=at,
        # Marked as fanned out, so that no other endpoint gets it.
        recipients=1,
    )
    return Delivery.objects.create(
        notification=notification, target=f"endpoint:{endpoint.pk}", endpoint=endpoint, next_at=at
    )


def refuse_if_disabled(endpoint: WebhookEndpoint) -> None:
    """
    Check that an endpoint is enabled.

    :raises EndpointRefused: if it is disabled.
    """
    if not WebhookEndpoint.objects.filter(pk=endpoint.pk, disabled_at__isnull=True).exists():
        raise EndpointRefused("The endpoint is disabled, so nothing is sent to it. Enable it first.")


def _check_facts(facts: dict[str, Any]) -> dict[str, Any]:
    if "url" in facts:
        try:
            http_client.check_address(facts["url"])
        except http_client.AddressRefused as refusal:
            raise EndpointRefused(str(refusal), field="url") from refusal
    if unknown := sorted(set(facts.get("kinds", ())) - set(KINDS)):
        message = f"The notification kind “{unknown[0][:60]}” is unknown. Use {', '.join(KINDS)}."
        raise EndpointRefused(message, field="kinds")
    return facts
