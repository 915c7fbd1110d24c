"""Read the sellers, details, attachments and explanations of emails before they are sent."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from django.conf import settings
from django.utils.module_loading import import_string

from customers.models import Seller
from customers.notifications.announcement import Facts
from customers.notifications.delivery_queue import DeliveryClaim
from customers.notifications.email_sender import sender_of
from customers.notifications.email_templates import choose_language, reader_locale
from customers.notifications.samples import EMAIL_FACTS
from lib.email_layout import NO_SENDER, Attachment

WITH_INVOICE = frozenset({"invoice.issued", "invoice.reminder", "invoice.overdue", "invoice.resent", "topup.paid"})
"""Kinds that have the PDF of their invoice attached."""

EXPLAINED = frozenset(kind for kind, facts in EMAIL_FACTS.items() if "explanation" in facts)
"""Kinds with the explanation of their invoice."""

ATTEMPTS_WITHOUT_FILE = 4
"""Tries that wait for a file, some two hours in all; then the email is sent without it."""


class EmailRequest(NamedTuple):
    """An email whose details are wanted. customer: its external id; empty for an email about none."""

    kind: str
    customer: str
    facts: Facts


class FileNotReady(OSError):
    """The invoice's PDF is not rendered yet; the email is tried again."""


def add_senders(claims: Sequence[DeliveryClaim]) -> list[DeliveryClaim]:
    """
    Return claims with the sellers, details, files and explanations of their emails; sending needs no database.

    The number of queries does not depend on that of the claims.
    """
    claims = _add_details(claims)
    seller_ids = {claim.seller_id for claim in claims if claim.is_email and claim.seller_id}
    senders = {
        seller.pk: sender_of(seller)
        for seller in (Seller.objects.filter(pk__in=seller_ids).select_related("logo") if seller_ids else ())
    }
    invoice_ids = [int(claim.facts["invoice"]) for claim in claims if _needs_invoice(claim)]
    files = _read_files(invoice_ids) if invoice_ids else {}
    explanations = _read_explanations([claim for claim in claims if _needs_explanation(claim)])
    prepared = []
    for claim in claims:
        facts = dict(claim.facts)
        if _needs_explanation(claim):
            facts["explanation"] = explanations.get(_reader(claim))
        attachment = files.get(int(claim.facts["invoice"])) if _needs_invoice(claim) else None
        if attachment is not None:
            facts["attached"] = attachment.name
        sender = senders.get(claim.seller_id or 0, NO_SENDER)
        prepared.append(replace(claim, facts=facts, sender=sender, attachment=attachment))
    return prepared


def _add_details(claims: Sequence[DeliveryClaim]) -> list[DeliveryClaim]:
    """Return the claims with what the apps above know about their emails: names, amounts, dates."""
    emails = [claim for claim in claims if claim.is_email]
    details: list[dict[str, str | int | None]] = [{} for _ in emails]
    for path in settings.EMAIL_DETAILS if emails else ():
        read: Callable[[Sequence[EmailRequest]], Sequence[Facts]] = import_string(path)
        requests = [EmailRequest(claim.kind, claim.customer or "", claim.facts) for claim in emails]
        for known, more_facts in zip(details, read(requests), strict=True):
            known.update(more_facts)
    by_delivery = {claim.delivery_id: known for claim, known in zip(emails, details, strict=True)}
    return [
        replace(claim, facts=claim.facts | own_details)
        if (own_details := by_delivery.get(claim.delivery_id))
        else claim
        for claim in claims
    ]


def check_attachment(claim: DeliveryClaim) -> None:
    """:raises FileNotReady: if the email waits for its invoice's PDF."""
    if _needs_invoice(claim) and claim.attachment is None and claim.attempt <= ATTEMPTS_WITHOUT_FILE:
        raise FileNotReady("The invoice's PDF is not ready.")


def _needs_invoice(claim: DeliveryClaim) -> bool:
    return bool(claim.is_email and claim.kind in WITH_INVOICE and claim.facts.get("invoice") and settings.EMAIL_FILES)


def _needs_explanation(claim: DeliveryClaim) -> bool:
    return bool(claim.is_email and claim.kind in EXPLAINED and claim.facts.get("invoice"))


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
