"""The PDF of a statement of account, in the customer's language, typeset as invoices are."""

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
from django.utils import translation
from django.utils.translation import gettext as _

from invoices.documents.seller_terms import seller_facts
from invoices.rendering.facts_reader import branding
from invoices.rendering.formats import Figures
from invoices.rendering.invoice_facts import PartyDetails
from invoices.rendering.page_content import DEFAULT_COLOR, HEX_COLOR, page_label, picture_address
from invoices.rendering.parties import LETTER_PAPER, PartyText, party_text
from invoices.rendering.receipt import typeset_page
from invoices.statements.account_statement import AccountStatement
from invoices.statements.statement_text import AccountStatementLine, closing_sentence, statement_lines
from invoices.tax.buyer_details import buyer_of
from lib.locales import document_locale

TEMPLATE = "invoices/account_statement.html"


@dataclass(frozen=True, slots=True)
class StatementPage:
    """The texts of the file. meta: (name, value) pairs below the heading. logo: as a data URI."""

    language: str
    paper: str
    color: str
    logo: str
    created: str
    heading: str
    title: str
    mark: str
    seller: PartyText
    buyer: PartyText
    meta: tuple[tuple[str, str], ...]
    headline: str
    lines: tuple[AccountStatementLine, ...]
    page: tuple[str, ...]


def render_statement(statement: AccountStatement, *, at: datetime) -> bytes:
    """
    Return the statement as a PDF. at: the time that it is dated.

    :raises MissingFont: if a text of it can't be printed.
    """
    locale = document_locale(statement.customer.locale)
    figures = Figures(locale, statement.currency, ZoneInfo(statement.seller.time_zone))
    with translation.override(locale.language):
        page = _compose(statement, figures, at)
    return typeset_page(TEMPLATE, page)


def _compose(statement: AccountStatement, figures: Figures, at: datetime) -> StatementPage:
    facts = seller_facts(statement.seller)
    seller = PartyDetails.of(facts)
    buyer = PartyDetails.of(msgspec.json.decode(buyer_of(statement.customer).facts))
    look, color = branding(facts), str(facts.get("brand_color") or "")
    days = _("%(since)s to %(until)s") % {
        "since": figures.day(statement.since),
        "until": figures.day(statement.until),
    }
    return StatementPage(
        language=str(figures.locale).replace("_", "-"),
        paper=look.paper or ("letter" if seller.country in LETTER_PAPER else "a4"),
        color=color if HEX_COLOR.fullmatch(color) else DEFAULT_COLOR,
        logo=picture_address(look.logo),
        created=at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        heading=_("Statement of account"),
        title=_("Statement of account, %(days)s") % {"days": days},
        mark=_("Sandbox") if statement.customer.sandbox else "",
        seller=party_text(seller, figures.locale),
        buyer=party_text(buyer, figures.locale),
        meta=(
            (_("Period"), days),
            (_("Currency"), statement.currency),
            (_("As of"), figures.day(at.astimezone(figures.zone).date())),
        ),
        headline=closing_sentence(statement, figures),
        lines=tuple(statement_lines(statement, figures)),
        page=page_label(),
    )
