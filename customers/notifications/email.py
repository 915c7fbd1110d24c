"""
A notice as a person gets it.

Each kind has a template, templates/email/<kind>.txt: the subject on its first line, then paragraphs. A translation
stands in templates/email/<language>/<kind>.txt. Finance's own wording takes the place of either. What happened is
listed below; the HTML says the same, framed.
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
    """A mail's words. facts: label → value, listed below the paragraphs."""

    language: str
    subject: str
    paragraphs: tuple[str, ...]
    facts: dict[str, str]

    def as_message(self, to: str, **headers: str) -> EmailMultiAlternatives:
        """Return the mail, as plain text and as HTML."""
        shown = {
            "subject": self.subject,
            "paragraphs": self.paragraphs,
            "facts": self.facts,
            "language": self.language,
        }
        message = EmailMultiAlternatives(
            subject=self.subject, body=render_to_string("email/mail.txt", shown), to=[to], headers=headers
        )
        message.attach_alternative(render_to_string("email/mail.html", shown), "text/html")
        return message


def send_email(claim: DeliveryClaim) -> None:
    """
    Send a delivery's mail.

    :raises OSError: if the mail server cannot be reached, or refuses (smtplib.SMTPException is one).
    """
    text = compose_email(
        claim.kind,
        language=claim.language,
        facts={**claim.facts, **_where(claim), "customer": claim.customer or ""},
        customer_name=claim.customer_name,
        wordings=claim.wordings,
    )
    name = f"<{message_name(claim.message_id)}.{claim.delivery_id}@tollbook>"
    text.as_message(claim.address, **{"Message-ID": name}).send()


def _where(claim: DeliveryClaim) -> Facts:
    """Return where an invoice can be looked at and paid, once the installation says where it is."""
    invoice = claim.facts.get("invoice") if claim.kind.startswith(OF_INVOICES) else None
    if not invoice or not settings.PUBLIC_URL:
        return {}
    return {"online": settings.PUBLIC_URL + reverse("portal_invoice", args=[invoice])}


def compose_email(kind: str, *, language: str, facts: Facts, customer_name: str, wordings: Wordings) -> EmailText:
    """
    Return what a mail says: in the person's language where there is a text in it, and in English otherwise.

    In either, finance's own wording comes before the text that comes with the product.
    """
    said = {name: " ".join(str(value).split()) for name, value in facts.items() if value is not None}
    context = {**said, CUSTOMER: " ".join(customer_name.split())}
    for spoken in (language, "en"):
        text = _own(wordings.get(spoken), context) or _packaged(kind, spoken, context)
        if text is not None:
            subject, _, body = text.strip().partition("\n")
            paragraphs = tuple(" ".join(one.split()) for one in body.split("\n\n") if one.strip())
            listed = {name: value for name, value in said.items() if name != "customer"}
            return EmailText(spoken, subject, paragraphs, label_facts(listed, spoken))
    raise TemplateDoesNotExist(f"email/{kind}.txt")


def _own(wording: Sequence[str] | None, context: Mapping[str, str]) -> str | None:
    if not wording:
        return None
    subject, body = (fill_placeholders(text, context) for text in wording)
    return f"{' '.join(subject.split())}\n{body.replace(chr(13), '')}"


def _packaged(kind: str, language: str, context: Mapping[str, str]) -> str | None:
    folder = "email" if language == "en" else f"email/{language}"
    try:
        return get_template(f"{folder}/{kind}.txt").render(dict(context))
    except TemplateDoesNotExist:
        return None
