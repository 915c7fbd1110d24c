"""Catalogs as extraction would write them now."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from babel.messages import Message
from babel.messages.pofile import read_po

EVERY_LANGUAGE = ("de", "es", "fr", "it", "nl")
INVOICES_ONLY = ("it", "nl")
"""Languages of invoices and statements alone."""

INVOICE_SOURCES = (
    *(f"invoices/rendering/{name}.py" for name in ("appendix", "line_explanation", "page_content", "parties")),
    *(f"wallets/statements/{name}.py" for name in ("description", "invoice_appendix")),
    *(
        f"templates/invoices/{name}.html"
        for name in ("frame", "invoice", "lines", "party", "price", "usage", "wallets")
    ),
    "templates/invoices/account_statement.html",
    "invoices/statements/",
    "templates/wallets/",
    "lib/unit_words.py",
    "invoices/tax/reverse_charge.py",
)
CUSTOMER_SOURCES = (
    *INVOICE_SOURCES,
    "billing/limits/alerts/rule_settings.py",
    "billing/limits/spend_caps.py",
    "billing/portal/",
    "customers/notifications/email",
    "customers/portal/",
    "customers/portal_auth/",
    "invoices/explanation/sentences.py",
    "invoices/payments/attempts/",
    "invoices/payments/pages.py",
    "invoices/portal/",
    "invoices/statements/",
    "wallets/auto_topup/",
    "wallets/portal/",
    "wallets/purchases/",
    "wallets/statements/",
    "templates/email/",
    "templates/invoices/",
    "templates/portal/",
)
"""Sources of texts that customers read. A text of the admin may be left untranslated."""

COMMAND = ("makemessages", "--all", "--add-location", "file", "--no-obsolete", "--no-wrap")


def extract(project: Path) -> None:
    """Bring the catalogs of a copy of the project up to date, as `make messages` does."""
    ignored = ("--ignore", "tests/*", "--ignore", "clients/*")
    subprocess.run(
        [sys.executable, "manage.py", *COMMAND, *ignored], cwd=project, check=True, capture_output=True, text=True
    )


def read_messages(project: Path, language: str) -> dict[tuple[str | None, str], Message]:
    """Return (context, id) → message, without the header."""
    with (project / "locale" / language / "LC_MESSAGES" / "django.po").open("rb") as file:
        catalog = read_po(file, locale=language)
    return {(message.context, _first(message.id)): message for message in catalog if message.id}


def untranslated(messages: dict[tuple[str | None, str], Message], sources: Sequence[str]) -> Iterator[str]:
    """Yield the texts from these sources that have no translation, or a guessed one."""
    for message in messages.values():
        if any(place.startswith(tuple(sources)) for place, _ in message.locations) and (
            message.fuzzy or not all(_forms(message.string))
        ):
            yield _first(message.id)


def _first(text: str | Sequence[str]) -> str:
    return text if isinstance(text, str) else text[0]


def _forms(text: str | Sequence[str]) -> Sequence[str]:
    return [text] if isinstance(text, str) else text
