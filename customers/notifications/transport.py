"""Send one message by webhook or email; nothing here uses the database, so worker threads may call it."""

from datetime import datetime
from smtplib import SMTPException

from django.utils import timezone

from customers.notifications import email, http_client, signatures
from customers.notifications.delivery_queue import DeliveryClaim
from customers.notifications.delivery_result import DeliveryOutcome
from customers.notifications.email_preparation import check_attachment
from lib.encryption import SecretUnreadable, decrypt

GONE = 410


def send(claim: DeliveryClaim) -> DeliveryOutcome:
    """Try a delivery and return the outcome; every error is an outcome as well."""
    try:
        return _post(claim, at=timezone.now()) if claim.endpoint_id is not None else _mail(claim)
    except Exception as error:  # a failing template or any other error: the delivery is retried
        return DeliveryOutcome(succeeded=False, text=f"{type(error).__name__}: {error}")


def _post(claim: DeliveryClaim, *, at: datetime) -> DeliveryOutcome:
    if not claim.secret:
        return DeliveryOutcome(succeeded=False, text="The endpoint was removed.", final=True)
    content = signatures.build_payload(
        kind=claim.kind,
        customer=claim.customer,
        sandbox=claim.sandbox,
        facts=claim.facts,
        created_at=claim.created_at,
    )
    try:
        secrets = [decrypt(stored) for stored in (claim.secret, claim.previous_secret) if stored]
        headers = signatures.build_headers(message_id=claim.message_id, content=content, secrets=secrets, at=at)
        response = http_client.post(claim.url, content=content, headers=headers)
    except (http_client.AddressRefused, http_client.Unreachable, SecretUnreadable) as error:
        return DeliveryOutcome(succeeded=False, text=str(error))
    return DeliveryOutcome(
        succeeded=200 <= response.status < 300,
        status=response.status,
        text=response.text,
        final=response.status == GONE,
        retry_after=response.retry_after,
    )


def _mail(claim: DeliveryClaim) -> DeliveryOutcome:
    if not claim.address:
        return DeliveryOutcome(succeeded=False, text="The contact was removed.", final=True)
    try:
        check_attachment(claim)
        email.send_email(claim)
    except (SMTPException, OSError) as error:
        return DeliveryOutcome(succeeded=False, text=f"{type(error).__name__}: {error}")
    return DeliveryOutcome(succeeded=True)
