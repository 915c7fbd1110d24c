"""
Notifications as email.

Each kind has a template, templates/email/<kind>.txt: the subject on its first line, then paragraphs; gettext
translates it. The seller's own wording replaces it. The HTML part has the same content in the seller's look.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.mime.image import MIMEImage
from email.utils import formataddr, parseaddr
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import get_template, render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from customers.notifications.announcement import Facts
from customers.notifications.delivery_queue import DeliveryClaim
from customers.notifications.email_facts import Reader, format_facts, listed_facts, on_one_line
from customers.notifications.email_links import Button, button_of
from customers.notifications.email_sender import NO_SENDER, Attachment, EmailSender
from customers.notifications.email_templates import (
    CUSTOMER,
    LANGUAGES,
    Wordings,
    choose_language,
    fill_placeholders,
    reader_locale,
)
from customers.notifications.signatures import message_name

LOGO_NAME = "logo"


@dataclass(frozen=True, slots=True)
class EmailText:
    """
    The texts of an email.

    facts: label → value, listed below the paragraphs. placeholders: name → value, for own wordings.
    button: the page where the reader can act. note: why the reader gets the email.
    settings_url: where contacts choose their emails.
    """

    language: str
    subject: str
    paragraphs: tuple[str, ...]
    facts: dict[str, str]
    placeholders: dict[str, str]
    button: Button | None = None
    note: str = ""
    settings_url: str = ""
    sender: EmailSender = NO_SENDER

    def as_message(self, to: str, *, attachment: Attachment | None = None, **headers: str) -> EmailMultiAlternatives:
        """Return the email, as plain text and as HTML with the same content."""
        context = {"text": self, "sender": self.sender, "logo": LOGO_NAME if self.sender.logo else ""}
        _name, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
        with translation.override(self.language):
            body, html = (render_to_string(f"email/mail.{suffix}", context) for suffix in ("txt", "html"))
        message = EmailMultiAlternatives(
            subject=self.subject,
            body=body,
            from_email=formataddr((self.sender.name, address)) if self.sender.name else None,
            to=[to],
            reply_to=[self.sender.email] if self.sender.email else None,
            headers=headers,
        )
        message.attach_alternative(html, "text/html")
        if self.sender.logo:
            image = MIMEImage(self.sender.logo, "png")
            image.add_header("Content-ID", f"<{LOGO_NAME}>")
            image.add_header("Content-Disposition", "inline", filename="logo.png")
            message.attach(image)
        if attachment is not None:
            message.attach(attachment.name, attachment.content, "application/pdf")
        return message


def send_email(claim: DeliveryClaim) -> None:
    """
    Send the email of a delivery.

    :raises OSError: if the mail server cannot be reached, or refuses (smtplib.SMTPException is one).
    """
    text = compose_email(
        claim.kind,
        language=claim.language,
        locale=claim.locale,
        time_zone=claim.time_zone,
        facts={**claim.facts, "customer": claim.customer or ""},
        customer_name=claim.customer_name,
        wordings=claim.wordings,
        sender=claim.sender,
        is_staff=claim.is_staff,
    )
    # The same for each try of a delivery, so that a mail program can recognize a repetition.
    name = f"<{message_name(claim.message_id)}.{claim.delivery_id}@tollbook>"
    text.as_message(claim.address, attachment=claim.attachment, **{"Message-ID": name}).send()


def compose_email(
    kind: str,
    *,
    language: str,
    facts: Facts,
    customer_name: str,
    wordings: Wordings,
    locale: str = "",
    time_zone: str = "UTC",
    sender: EmailSender = NO_SENDER,
    is_staff: bool = False,
) -> EmailText:
    """
    Return the text of an email, in the recipient's language if it has one, and in English otherwise.

    In each language, the seller's own wording precedes the built-in text. locale: the customer's; its country decides
    how numbers and dates are written. is_staff: the recipient is a staff user, for whom the portal is not.
    """
    text_language = choose_language(language, wordings)
    with translation.override(text_language if text_language in LANGUAGES else "en"):
        texts = format_facts(facts, Reader(reader_locale(text_language, locale), ZoneInfo(time_zone)))
        context = {**texts, CUSTOMER: on_one_line(customer_name)}
        text = _custom_text(wordings.get(text_language), context) or _built_in_text(kind, context)
        subject, _separator, body = text.strip().partition("\n")
        paragraphs = tuple(on_one_line(paragraph) for paragraph in body.split("\n\n") if paragraph.strip())
        portal = sender.portal or settings.PUBLIC_URL
        has_portal = bool(portal and not is_staff and customer_name)
        return EmailText(
            language=text_language,
            subject=f"{context[CUSTOMER]}: {subject}" if is_staff and customer_name else subject,
            paragraphs=paragraphs,
            facts=listed_facts(kind, texts),
            placeholders=context,
            button=None if is_staff else button_of(kind, facts, portal=portal),
            note=_note(context[CUSTOMER], is_staff=is_staff),
            settings_url=portal + reverse("portal_people") if has_portal else "",
            sender=sender,
        )


def _note(customer_name: str, *, is_staff: bool) -> str:
    if not customer_name:
        return ""
    if is_staff:
        return _("You receive this email as the account owner of %(customer)s.") % {"customer": customer_name}
    return _("You receive this email as a contact of %(customer)s.") % {"customer": customer_name}


def _custom_text(wording: Sequence[str] | None, context: Mapping[str, str]) -> str | None:
    if not wording:
        return None
    subject, body = (fill_placeholders(text, context) for text in wording)
    return f"{on_one_line(subject)}\n{body.replace(chr(13), '')}"


def _built_in_text(kind: str, context: Mapping[str, str]) -> str:
    """:raises TemplateDoesNotExist: if the kind has no email."""
    return get_template(f"email/{kind}.txt").render(dict(context))
