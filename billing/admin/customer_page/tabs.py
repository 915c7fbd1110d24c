"""The tabs of the customer page, and the figures above them."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import TextChoices
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from billing.metering.usage.current_usage import PeriodUsage
from customers.models import Customer
from invoices.models import DocumentKind, Invoice
from invoices.models.invoices import OPEN_INVOICES
from lib.admin.headline import HeaderFigure
from lib.formats import format_money


class CustomerTab(TextChoices):
    """The tabs; the first is shown if the address names none."""

    OVERVIEW = "overview", gettext_lazy("Overview")
    USAGE = "usage", gettext_lazy("Usage")
    INVOICES = "invoices", gettext_lazy("Invoices")
    WALLET = "wallet", gettext_lazy("Wallet")
    TERMS = "terms", gettext_lazy("Terms")
    ACTIVITY = "activity", gettext_lazy("Activity")
    SETTINGS = "settings", gettext_lazy("Settings")


def chosen_tab(request: HttpRequest) -> CustomerTab:
    """Return the tab that an address names; a form is sent to the settings, whatever the address says."""
    if request.method == "POST":
        return CustomerTab.SETTINGS
    name = request.GET.get("tab", "")
    return CustomerTab(name) if name in CustomerTab.values else CustomerTab.OVERVIEW


@dataclass(frozen=True, slots=True)
class Receivable:
    """What a customer owes in a currency, and the days since the earliest due date that has passed."""

    due: Decimal
    days_past_due: int


def header_figures(running: Sequence[PeriodUsage], receivables: dict[str, Receivable]) -> list[HeaderFigure]:
    """Return the figures: of the running periods, and of open invoices; one for each currency."""
    figures = []
    for currency in sorted({usage.terms.currency for usage in running}):
        usages = [usage for usage in running if usage.terms.currency == currency]
        cost, projected = (sum(getattr(usage, name) for usage in usages) for name in ("cost", "projected"))
        figures.append(HeaderFigure(_("Usage this period"), format_money(Decimal(cost), currency)))
        figures.append(HeaderFigure(_("Projected total"), format_money(Decimal(projected), currency)))
    for currency, receivable in sorted(receivables.items()):
        days = receivable.days_past_due
        note = ngettext("%(days)s day past due", "%(days)s days past due", days) % {"days": days} if days else ""
        figures.append(HeaderFigure(_("Balance due"), format_money(receivable.due, currency), note, bool(days)))
    return figures or [HeaderFigure(_("Balance due"), _("nothing"))]


def read_receivables(
    customer: Customer, *, at: datetime, seller_ids: Collection[int] | None = None
) -> dict[str, Receivable]:
    """Return currency → what the customer owes. seller_ids: as of `account`."""
    invoices = Invoice.objects.filter(customer=customer, kind=DocumentKind.INVOICE, state__in=OPEN_INVOICES)
    if seller_ids is not None:
        invoices = invoices.filter(seller__in=seller_ids)
    due: dict[str, Decimal] = defaultdict(Decimal)
    days: dict[str, int] = defaultdict(int)
    for invoice in invoices.select_related("seller"):
        if invoice.due and invoice.due_date is not None:
            currency = str(invoice.currency)
            today = at.astimezone(ZoneInfo(invoice.seller.time_zone)).date()
            due[currency] += invoice.due
            days[currency] = max(days[currency], (today - invoice.due_date).days)
    return {currency: Receivable(amount, days[currency]) for currency, amount in due.items()}
