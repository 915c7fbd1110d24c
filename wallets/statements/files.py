"""A statement as CSV and as PDF; equal statements give equal files."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from babel import Locale
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from invoices.rendering.formats import Figures
from invoices.rendering.invoice_facts import PartyDetails
from invoices.rendering.page_content import DEFAULT_COLOR, HEX_COLOR, page_label
from invoices.rendering.parties import LETTER_PAPER, PartyText, party_text
from invoices.rendering.pdf_engine import MissingGlyphs, typeset
from invoices.rendering.pdf_file import CONTROLS
from invoices.rendering.wallet_facts import WalletRow
from lib.csv_export import csv_lines
from lib.decimals import to_plain_string
from lib.locales import document_locale
from wallets.models import Wallet
from wallets.statements.description import amounts, statement_rows
from wallets.statements.totals import Statement

TEMPLATE = "wallets/statement.html"
COLUMNS = ("kind", "description", "units", "unit", "cost", "currency")


class NoFont(Exception):
    """A text of the statement has characters that no font has."""


@dataclass(frozen=True, slots=True)
class Document:
    """The texts that the template prints."""

    language: str
    paper: str
    color: str
    created: str
    heading: str
    title: str
    mark: str
    seller: PartyText
    buyer: PartyText
    meta: tuple[tuple[str, str], ...]
    headline: str
    rows: tuple[WalletRow, ...]
    page: tuple[str, ...]


def as_csv(wallet: Wallet, statement: Statement) -> Iterator[str]:
    """Yield a statement as lines of CSV; its units, and its costs, sum from the opening to the closing."""
    unit, currency = wallet.unit, str(wallet.currency)
    rows = [
        ("opening", "", statement.opening, statement.opening_cost),
        *((line.section.value, line.name, line.units, line.money) for line in statement.lines),
        ("closing", "", statement.closing, statement.closing_cost),
    ]
    yield from csv_lines([COLUMNS])
    yield from csv_lines(
        (section, name, to_plain_string(units), unit, to_plain_string(cost), currency)
        for section, name, units, cost in rows
    )


def as_pdf(wallet: Wallet, statement: Statement, *, since: datetime, until: datetime) -> bytes:
    """
    Return a statement as a PDF in the customer's language, typeset as invoices are.

    :raises NoFont: if a text of it can't be printed.
    """
    document = compose(wallet, statement, since=since, until=until)
    with translation.override(document.language):
        html = render_to_string(TEMPLATE, {"document": document}).translate(CONTROLS)
    try:
        return typeset(html)
    except MissingGlyphs as error:
        text = _("No font has the characters “%(characters)s”. Change the name that contains them.")
        raise NoFont(text % {"characters": error.characters[:20]}) from error


def compose(wallet: Wallet, statement: Statement, *, since: datetime, until: datetime) -> Document:
    """Return the texts of a statement, in the customer's language."""
    locale = document_locale(wallet.customer.locale)
    with translation.override(locale.language):
        return _compose(wallet, statement, locale, since=since, until=until)


def _compose(wallet: Wallet, statement: Statement, locale: Locale, *, since: datetime, until: datetime) -> Document:
    customer = wallet.customer
    seller = wallet.seller
    figures = Figures(locale, str(wallet.currency), ZoneInfo(customer.time_zone))
    span = figures.days_text(since, until)

    amount = amounts(wallet.unit, figures=figures)
    parties = (
        PartyDetails.of({name: getattr(record, name) for name in PartyDetails.__slots__})
        for record in (seller, customer)
    )
    seller_text, buyer_text = (party_text(party, locale) for party in parties)
    return Document(
        language=str(locale).replace("_", "-"),
        paper="letter" if seller.country in LETTER_PAPER else "a4",
        color=seller.brand_color if HEX_COLOR.fullmatch(seller.brand_color) else DEFAULT_COLOR,
        created=until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        heading=_("Statement"),
        title=_("Statement of %(wallet)s") % {"wallet": wallet.name},
        mark=_("Sandbox") if customer.sandbox else "",
        seller=seller_text,
        buyer=buyer_text,
        meta=((_("Wallet"), wallet.name), (_("Period"), span)),
        headline=_("Closing balance: %(amount)s") % {"amount": amount(statement.closing)},
        rows=statement_rows(statement, amount=amount),
        page=page_label(),
    )
