"""
Wallet statements in the appendix of an invoice: balances and movements in the invoice's period.

Calculated backwards from the append-only ledger, so a file rendered again says the same.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils import translation
from django.utils.translation import gettext as _

from invoices.models import Invoice
from invoices.rendering.formats import Figures
from invoices.rendering.wallet_facts import WalletStatement
from lib.locales import document_locale
from wallets.models import Wallet
from wallets.statements.description import amounts, statement_rows
from wallets.statements.ledger_sums import MAX_SPAN, read_statement
from wallets.statements.totals import Statement

# Bounds the pages that wallets add to an invoice, and the queries to fill them.
MAX_WALLETS = 12


def wallets_of_invoice(*, invoice: Invoice) -> tuple[WalletStatement, ...]:
    """Return the statement of each wallet with content in the invoice's period, with one query per wallet."""
    since, until = invoice.period_start, invoice.period_end
    if not since < until <= since + MAX_SPAN:
        return ()
    buyer = invoice.buyer_facts
    locale = document_locale(buyer.get("locale") or "")
    zone = ZoneInfo(buyer.get("time_zone") or "UTC")
    wallets = Wallet.objects.filter(customer=invoice.customer_id, created_at__lt=until).order_by("id")
    statements = []
    for wallet in wallets[:MAX_WALLETS]:
        statement = read_statement(wallet, since=since, until=until)
        if _is_empty(statement):
            continue
        figures = Figures(locale, str(wallet.currency), zone)
        span = since, until
        with translation.override(locale.language):
            statements.append(statement_text(wallet.name, wallet.unit, statement, span=span, figures=figures))
    return tuple(statements)


def statement_text(
    name: str,
    unit: str,
    statement: Statement,
    *,
    span: tuple[datetime, datetime],
    figures: Figures,
) -> WalletStatement:
    """Return the statement of a span as an invoice prints it, in the active language."""
    return WalletStatement(
        heading=_("Statement of %(wallet)s") % {"wallet": name},
        span=figures.days_text(*span),
        columns=(_("Transaction type"), _("Amount")),
        rows=statement_rows(statement, amount=amounts(unit, figures=figures)),
    )


def _is_empty(statement: Statement) -> bool:
    return not (statement.opening or statement.closing or statement.lines)
