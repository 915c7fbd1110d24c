"""On the seller page: the statement of an invented wallet in the sample invoice."""

from decimal import Decimal
from zoneinfo import ZoneInfo

from django.utils import translation
from django.utils.translation import gettext as _

from invoices.admin.sellers import SellerSample
from invoices.rendering.formats import Figures
from invoices.rendering.invoice_facts import InvoiceFacts
from invoices.rendering.wallet_facts import WalletStatement
from lib.locales import document_locale
from wallets.models.wallets import CREDITS
from wallets.statements.invoice_appendix import statement_text
from wallets.statements.totals import Statement, StatementLine, StatementSection

INVENTED = Statement(
    opening=Decimal(10_000),
    opening_cost=Decimal(100),
    lines=(
        StatementLine(StatementSection.GRANTED, "purchased", Decimal(50_000), Decimal(500)),
        StatementLine(StatementSection.USED, "API calls", Decimal(-23_400), Decimal(-234)),
    ),
    closing=Decimal(36_600),
    closing_cost=Decimal(366),
)


class SellerSampleWallet(SellerSample):
    """A part of the seller page (config/admin_site/pages.py)."""

    def sample_wallets(self, facts: InvoiceFacts) -> tuple[WalletStatement, ...]:
        """Return the statement of an invented wallet."""
        locale = document_locale(facts.locale)
        figures = Figures(locale, facts.currency, ZoneInfo("UTC"))
        span = facts.period_start, facts.period_end
        with translation.override(locale.language):
            return (statement_text(_("Wallet"), CREDITS, INVENTED, span=span, figures=figures),)
