"""
Notifications as email.

Each kind has a template, templates/email/<kind>.txt: the subject on its first line, then paragraphs. Translations are
in templates/email/<language>/<kind>.txt. The seller's own wording replaces either. The facts are listed below the
text; the HTML part has the same content in a frame.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template import TemplateDoesNotExist
from django.template.loader import get_template, render_to_string
from django.urls import reverse

from customers.notifications.announcement import Facts
from customers.notifications.delivery_queue import DeliveryClaim
from customers.notifications.email_templates import CUSTOMER, fill_placeholders
from customers.notifications.fact_labels import label_facts
from customers.notifications.signatures import message_name

OF_INVOICES = ("invoice.", "payment.failed")

Wordings = Mapping[str, Sequence[str]]
"""Language → subject and body."""


@dataclass(frozen=True, slots=True)
class EmailText:
    """The texts of an email. facts: label → value, listed below the paragraphs."""

    language: str
    subject: str
    paragraphs: tuple[str, ...]
    facts: dict[str, str]

    def as_message(self, to: str, **headers: str) -> EmailMultiAlternatives:
        """Return the email, as plain text and as HTML."""
        context = {
            "subject": self.subject,
            "paragraphs": self.paragraphs,
            "facts": self.facts,
            "language": self.language,
        }
        message = EmailMultiAlternatives(
            subject=self.subject, body=render_to_string("email/mail.txt", context), to=[to], headers=headers
        )
        message.attach_alternative(render_to_string("email/mail.html", context), "text/html")
        return message


def send_email(claim: DeliveryClaim) -> None:
    """
    Send the email of a delivery.

    :raises OSError: if the mail server cannot be reached, or refuses (smtplib.SMTPException is one).
    """
    text = compose_email(
        claim.kind,
        language=claim.language,
        facts={**claim.facts, **_invoice_link(claim), "customer": claim.customer or ""},
        customer_name=claim.customer_name,
        wordings=claim.wordings,
    )
    # The same for each try of a delivery, so that a mail program can recognize a repetition.
    name = f"<{message_name(claim.message_id)}.{claim.delivery_id}@tollbook>"
    text.as_message(claim.address, **{"Message-ID": name}).send()


def _invoice_link(claim: DeliveryClaim) -> Facts:
    """Return the link to an invoice in the portal, if the installation has a public URL."""
    invoice = claim.facts.get("invoice") if claim.kind.startswith(OF_INVOICES) else None
    if not invoice or not settings.PUBLIC_URL:
        return {}
    return {"online": settings.PUBLIC_URL + reverse("portal_invoice", args=[invoice])}


def compose_email(kind: str, *, language: str, facts: Facts, customer_name: str, wordings: Wordings) -> EmailText:
    """
    Return the text of an email, in the recipient's language if it has one, and in English otherwise.

    In each language, the seller's own wording precedes the built-in text.
    """
    # On one line each, because a line break in a fact could forge a header or a paragraph.
    texts = {name: " ".join(str(value).split()) for name, value in facts.items() if value is not None}
    context = {**texts, CUSTOMER: " ".join(customer_name.split())}
    for text_language in (language, "en"):
        text = _custom_text(wordings.get(text_language), context) or _built_in_text(kind, text_language, context)
        if text is not None:
            subject, _, body = text.strip().partition("\n")
            paragraphs = tuple(" ".join(paragraph.split()) for paragraph in body.split("\n\n") if paragraph.strip())
            listed = {name: value for name, value in texts.items() if name != "customer"}
            return EmailText(text_language, subject, paragraphs, label_facts(listed, text_language))
    raise TemplateDoesNotExist(f"email/{kind}.txt")


def _custom_text(wording: Sequence[str] | None, context: Mapping[str, str]) -> str | None:
    if not wording:
        return None
    subject, body = (fill_placeholders(text, context) for text in wording)
    return f"{' '.join(subject.split())}\n{body.replace(chr(13), '')}"


def _built_in_text(kind: str, language: str, context: Mapping[str, str]) -> str | None:
    folder = "email" if language == "en" else f"email/{language}"
    try:
        return get_template(f"{folder}/{kind}.txt").render(dict(context))
    except TemplateDoesNotExist:
        return None
