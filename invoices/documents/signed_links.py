"""
Links by which a customer downloads an invoice without signing in.

The link is the secret: until it expires, its holder can read that one file and nothing else.
"""

from datetime import datetime, timedelta

from django.core.signing import BadSignature, Signer
from django.urls import reverse

from invoices.models import Invoice

SALT = "invoices.documents.signed_links"
LINK_LIFETIME = timedelta(days=30)


class LinkRefused(Exception):
    """The link was forged, has expired, or no longer names an invoice of its customer."""


def create_link(invoice: Invoice, *, at: datetime, lasts: timedelta = LINK_LIFETIME) -> str:
    """
    Return the path of a download link that expires `lasts` after `at`, bound to the invoice and its customer.

    :raises ValueError: for a draft, which has no file.
    """
    if invoice.number is None:
        raise ValueError(f"{invoice} is a draft, so it has no file.")
    expires_at = int((at + lasts).timestamp())
    token = Signer(salt=SALT).sign_object([invoice.pk, invoice.customer_id, expires_at], compress=False)
    return reverse("invoice_download", args=[token])


def open_link(token: str, *, at: datetime) -> Invoice:
    """
    Return the invoice of a link.

    :raises LinkRefused: if the link is not valid for any reason.
    """
    try:
        payload = Signer(salt=SALT).unsign_object(token)
    except (BadSignature, ValueError) as error:
        raise LinkRefused("This link is not valid.") from error
    match payload:
        case [int(invoice_id), int(customer_id), int(expires_at)]:
            pass
        case _:
            raise LinkRefused("This link does not open an invoice.")
    if expires_at <= at.timestamp():
        raise LinkRefused("This link has expired.")
    invoice = Invoice.objects.filter(id=invoice_id, customer=customer_id, number__isnull=False).first()
    if invoice is None:
        raise LinkRefused("This link does not open an invoice.")
    return invoice
