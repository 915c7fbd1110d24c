"""Read the sellers, attachments and explanations of emails before they are sent."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from django.conf import settings
from django.utils.module_loading import import_string

from customers.models import Seller
from customers.notifications.delivery_queue import DeliveryClaim
from customers.notifications.email_sender import NO_SENDER, Attachment, sender_of
from customers.notifications.email_templates import choose_language, reader_locale
from customers.notifications.samples import EMAIL_FACTS

WITH_INVOICE = frozenset({"invoice.issued", "invoice.reminder", "invoice.overdue", "invoice.resent"})
"""Kinds that have the PDF of their invoice attached."""

ATTEMPTS_WITHOUT_FILE = 4
"""Tries that wait for a file, some two hours in all; then the email is sent without it."""


class FileNotReady(OSError):
    """The invoice's PDF is not rendered yet; the email is tried again."""


def add_senders(claims: Sequence[DeliveryClaim]) -> list[DeliveryClaim]:
    """
    Return claims with the sellers, files and explanations of their emails, in two queries and those of explanations;
    sending needs no database.
    """
    seller_ids = {claim.seller_id for claim in claims if claim.is_email and claim.seller_id}
    senders = {
        seller.pk: sender_of(seller)
        for seller in (Seller.objects.filter(pk__in=seller_ids).select_related("logo") if seller_ids else ())
    }
    invoice_ids = [int(claim.facts["invoice"]) for claim in claims if _needs_invoice(claim)]
    files = _read_files(invoice_ids) if invoice_ids else {}
    explanations = _read_explanations([claim for claim in claims if _needs_explanation(claim)])
    return [
        replace(
            claim,
            facts=claim.facts | {"explanation": explanations.get(_reader(claim))}
            if _needs_explanation(claim)
            else claim.facts,
            sender=senders.get(claim.seller_id or 0, NO_SENDER),
            attachment=files.get(int(claim.facts["invoice"])) if _needs_invoice(claim) else None,
        )
        for claim in claims
    ]


def check_attachment(claim: DeliveryClaim) -> None:
    """:raises FileNotReady: if the email waits for its invoice's PDF."""
    if _needs_invoice(claim) and claim.attachment is None and claim.attempt <= ATTEMPTS_WITHOUT_FILE:
        raise FileNotReady("The invoice's PDF is not ready.")


def _needs_invoice(claim: DeliveryClaim) -> bool:
    return bool(claim.is_email and claim.kind in WITH_INVOICE and claim.facts.get("invoice") and settings.EMAIL_FILES)


def _needs_explanation(claim: DeliveryClaim) -> bool:
    return bool(claim.is_email and claim.kind in EMAIL_FACTS and claim.facts.get("invoice"))


def _reader(claim: DeliveryClaim) -> tuple[int, str]:
    """Return the invoice of an email, and its reader's locale."""
    locale = reader_locale(choose_language(claim.language, claim.wordings), claim.locale)
    return int(claim.facts["invoice"]), str(locale)


def _read_explanations(claims: Sequence[DeliveryClaim]) -> dict[tuple[int, str], str]:
    if not claims or not settings.EMAIL_EXPLANATIONS:
        return {}
    read_explanations: Callable[[Sequence[tuple[int, str]]], dict[tuple[int, str], str]]
    read_explanations = import_string(settings.EMAIL_EXPLANATIONS)
    return read_explanations(list({_reader(claim) for claim in claims}))


def _read_files(invoice_ids: Sequence[int]) -> dict[int, Attachment]:
    read_files: Callable[[Sequence[int]], dict[int, tuple[str, bytes]]] = import_string(settings.EMAIL_FILES)
    return {invoice_id: Attachment(*file) for invoice_id, file in read_files(invoice_ids).items()}
