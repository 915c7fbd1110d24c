"""The lines of a statement in the active language: for the statement itself, and for an invoice's appendix."""

from collections.abc import Callable
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from invoices.rendering.formats import Figures
from invoices.rendering.wallet_facts import WalletRow
from wallets.models.wallets import CREDITS
from wallets.statements.totals import STAYS, Statement, StatementLine, StatementSection

GRANTS = {
    "purchased": gettext_lazy("Purchased"),
    "promotional": gettext_lazy("Promotional"),
    "included": gettext_lazy("Included in the plan"),
    "bonus": gettext_lazy("Bonus"),
    "rollover": gettext_lazy("Rolled over"),
    "refund": gettext_lazy("Refund"),
}
"""Kind of a granted lot → its label."""

SECTION_LABELS = {
    StatementSection.EXPIRED: gettext_lazy("Expired"),
    StatementSection.ROLLED_OVER: gettext_lazy("Rolled over"),
    StatementSection.REPAID: gettext_lazy("Overdraft repaid"),
    StatementSection.PAID: gettext_lazy("Invoices paid"),
    StatementSection.REFUNDED: gettext_lazy("Refunded"),
    StatementSection.VOIDED: gettext_lazy("Voided"),
    StatementSection.TRANSFERRED_IN: gettext_lazy("From another wallet"),
    StatementSection.TRANSFERRED_OUT: gettext_lazy("To another wallet"),
}


def amounts(unit: str, *, figures: Figures) -> Callable[[Decimal], str]:
    """Return a function that formats amounts of a wallet's unit: as money, or as credits."""

    def amount(units: Decimal) -> str:
        if unit != CREDITS:
            return figures.money(units)
        plural_number = 1 if abs(units) == 1 else 2
        return ngettext("%(units)s credit", "%(units)s credits", plural_number) % {"units": figures.quantity(units)}

    return amount


def statement_rows(statement: Statement, *, amount: Callable[[Decimal], str]) -> tuple[WalletRow, ...]:
    """Return the rows of a statement, from the opening balance to the closing one."""
    return (
        WalletRow(_("Opening balance"), amount(statement.opening), is_sum=True),
        *(WalletRow(_label(line), amount(line.units), _note(line, amount(line.moved))) for line in statement.lines),
        WalletRow(_("Closing balance"), amount(statement.closing), is_sum=True),
    )


def _label(line: StatementLine) -> str:
    if line.section == StatementSection.GRANTED:
        return str(GRANTS[line.name])
    if line.section == StatementSection.USED:
        return _("Usage: %(feature)s") % {"feature": line.name} if line.name else _("Manual debit")
    return str(SECTION_LABELS[line.section])


def _note(line: StatementLine, moved: str) -> str:
    return _("%(amount)s, which remains in the wallet") % {"amount": moved} if line.section in STAYS else ""
