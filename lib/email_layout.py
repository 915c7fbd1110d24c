"""The layout of an email: plain text, and HTML of the same facts, in its sender's look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.mime.image import MIMEImage
from email.utils import formataddr, parseaddr
from typing import NamedTuple

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation

DEFAULT_COLOR, DEFAULT_DARK_COLOR = "#1f3a5f", "#8fb3e0"
LOGO_NAME = "logo"


class Attachment(NamedTuple):
    name: str
    content: bytes


class Button(NamedTuple):
    label: str
    url: str


class EmailTable(NamedTuple):
    """A table of texts. columns: the headings; the first column is of texts, the others are of figures."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class EmailSender:
    """
    A seller in its emails.

    email: for replies. color, dark_color: of buttons and links on white, and in a dark theme; both are legible there.
    logo: a PNG. address: one line. portal: the origin of its portal; empty if none is configured.
    """

    name: str = ""
    email: str = ""
    color: str = DEFAULT_COLOR
    dark_color: str = DEFAULT_DARK_COLOR
    logo: bytes = b""
    address: str = ""
    portal: str = ""


NO_SENDER = EmailSender()


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailLayout:
    """
    The texts of an email.

    heading: empty for the subject. preheader: the inbox shows it after the subject; empty for the first paragraph.
    paragraphs: the first one is the answer; in HTML the headline takes its place if `headline_answers`.
    headline, headline_note: an amount in large figures, and a few words about it.
    button: the page where the reader can act. link: a second, quieter one.
    reads_first: whether the button follows the tables and facts, on which the reader decides.
    facts: label → value. tables: between the paragraphs and the facts.
    note: why the reader gets the email. settings_url: where contacts choose their emails.
    """

    language: str
    subject: str
    paragraphs: Sequence[str]
    heading: str = ""
    preheader: str = ""
    headline: str = ""
    headline_note: str = ""
    headline_answers: bool = False
    button: Button | None = None
    link: Button | None = None
    reads_first: bool = False
    tables: Sequence[EmailTable] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    settings_url: str = ""
    sender: EmailSender = NO_SENDER

    @property
    def answer(self) -> str:
        """The paragraph above the headline or the button."""
        return "" if self.headline_answers or not self.paragraphs else self.paragraphs[0]

    @property
    def further_paragraphs(self) -> Sequence[str]:
        return self.paragraphs[1:]

    @property
    def inbox_text(self) -> str:
        return self.preheader or next(iter(self.paragraphs), "")

    def as_message(self, to: str, *, attachment: Attachment | None = None, **headers: str) -> EmailMultiAlternatives:
        """Return the email, as plain text and as HTML with the same content."""
        context = {"text": self, "sender": self.sender, "logo": LOGO_NAME if self.sender.logo else ""}
        _name, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
        with translation.override(self.language):
            body, html = (render_to_string(f"email/mail.{suffix}", context) for suffix in ("txt", "html"))
        message = EmailMultiAlternatives(
            subject=self.subject,
            body=body.strip() + "\n",
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
