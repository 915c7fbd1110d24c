"""
Links by which a customer fetches an invoice without signing in.

A link is the secret: whoever holds it until it expires may read that one file, and nothing else.
"""

from datetime import datetime, timedelta

from django.core.signing import BadSignature, Signer
from django.urls import reverse

from invoices.models import Invoice

SALT = "invoices.documents.signed_links"
LASTS = timedelta(days=30)


class LinkRefused(Exception):
    """The link was forged, has expired, or no longer names an invoice of its customer."""


def link_to(invoice: Invoice, *, at: datetime, lasts: timedelta = LASTS) -> str:
    """
    Return the path of a download link that ends `lasts` after `at`, bound to the invoice and its customer.

    :raises ValueError: for a draft, which has no file.
    """
    if invoice.number is None:
        raise ValueError(f"{invoice} has no file to link to before it is issued.")
    expires_at = int((at + lasts).timestamp())
    token = Signer(salt=SALT).sign_object([invoice.pk, invoice.customer_id, expires_at], compress=False)
    return reverse("invoice_download", args=[token])


def follow(token: str, *, at: datetime) -> Invoice:
    """
    Return the invoice that a link leads to.

    :raises LinkRefused: if it does not, whatever the reason.
    """
    try:
        payload = Signer(salt=SALT).unsign_object(token)
    except (BadSignature, ValueError) as error:
        raise LinkRefused("This is no link of ours.") from error
    match payload:
        case [int(invoice_id), int(customer_id), int(expires_at)]:
            pass
        case _:
            raise LinkRefused("This link is signed, but leads to no invoice.")
    if expires_at <= at.timestamp():
        raise LinkRefused("This link has expired.")
    invoice = Invoice.objects.filter(id=invoice_id, customer=customer_id, number__isnull=False).first()
    if invoice is None:
        raise LinkRefused("This link leads to no invoice.")
    return invoice
