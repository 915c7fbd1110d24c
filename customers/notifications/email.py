"""
Notifications as email.

Each kind has a template, templates/email/<kind>.txt: the subject on its first line, the preheader on its second one
(which may be empty), then paragraphs; gettext translates it. The seller's own wording replaces it. The layout,
lib/email_layout.py, adds the seller's look.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.loader import get_template
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from customers.notifications.announcement import Facts
from customers.notifications.delivery_queue import DeliveryClaim
from customers.notifications.email_facts import Reader, format_facts, listed_facts, on_one_line
from customers.notifications.email_headlines import headline_of
from customers.notifications.email_links import buttons_of
from customers.notifications.email_templates import (
    CUSTOMER,
    LANGUAGES,
    Wordings,
    choose_language,
    fill_placeholders,
    reader_locale,
)
from customers.notifications.signatures import message_name
from lib.email_layout import NO_SENDER, EmailLayout, EmailSender


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailText(EmailLayout):
    """The texts of an email. placeholders: name → value, for own wordings."""

    placeholders: dict[str, str]


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
        own_text = _custom_text(wordings.get(text_language), context)
        subject, preheader, body = own_text or _built_in_text(kind, context)
        headline = None if own_text else headline_of(kind, texts)
        portal = sender.portal or settings.PUBLIC_URL
        button, link = (None, None) if is_staff else buttons_of(kind, facts, texts, portal=portal)
        has_portal = bool(portal and not is_staff and customer_name)
        return EmailText(
            language=text_language,
            subject=f"{context[CUSTOMER]}: {subject}" if is_staff and customer_name else subject,
            heading=headline.heading if headline else subject,
            preheader=on_one_line(preheader),
            headline=headline.amount if headline else "",
            headline_note=headline.note if headline else "",
            headline_answers=bool(headline and headline.answers),
            paragraphs=tuple(on_one_line(paragraph) for paragraph in body.split("\n\n") if paragraph.strip()),
            facts=listed_facts(kind, texts),
            placeholders=context,
            button=button,
            link=link,
            note=_note(context[CUSTOMER], is_staff=is_staff),
            settings_url=portal + reverse("portal_people") if has_portal else "",
            sender=sender,
        )


def _note(customer_name: str, *, is_staff: bool) -> str:
    if not customer_name:
        return ""
    customer_name = customer_name.removesuffix(".")  # the sentence has a period of its own
    if is_staff:
        return _("You receive this email as the account owner of %(customer)s.") % {"customer": customer_name}
    return _("You receive this email as a contact of %(customer)s.") % {"customer": customer_name}


def _custom_text(wording: Sequence[str] | None, context: Mapping[str, str]) -> tuple[str, str, str] | None:
    """Return the subject, no preheader, and the body of a seller's own wording."""
    if not wording:
        return None
    subject, body = (fill_placeholders(text, context) for text in wording)
    return on_one_line(subject), "", body.replace("\r", "")


def _built_in_text(kind: str, context: Mapping[str, str]) -> tuple[str, str, str]:
    """
    Return the subject, the preheader and the body.

    :raises TemplateDoesNotExist: if the kind has no email.
    """
    text = get_template(f"email/{kind}.txt").render(dict(context)).strip()
    subject, preheader, body = f"{text}\n\n".split("\n", 2)
    return subject, preheader, body
