"""The figures above the tabs of the customer page: plan, MRR, the running period, balance due, wallets and health."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.admin.customer_page.customer_list import CustomerHealth, CustomerSummary, read_summaries
from billing.metering.usage.current_usage import PeriodUsage
from billing.revenue.metrics.customer_mrr import read_customer_mrr
from customers.models import Customer
from lib.admin import allowed_seller_ids, is_allowed
from lib.admin.headline import HeaderFigure
from lib.decimals import exact_sum
from lib.formats import format_money
from wallets.ledger.balances import EMPTY_BALANCES, WalletBalances, read_balances
from wallets.models import Wallet
from wallets.statements.formats import shown

SEE_MRR = "billing.view_recurringrevenue"
MAX_WALLETS = 2
"""Wallets in the header; the tab has all of them."""


def read_header(
    request: HttpRequest, customer: Customer, running: Sequence[PeriodUsage], *, at: datetime
) -> list[HeaderFigure]:
    """Return the figures, by a fixed number of queries. running: the periods whose usage the user may see."""
    seller_ids = allowed_seller_ids(request)
    summary = read_summaries(request, [customer]).get(customer.pk, CustomerSummary())
    mrr = read_customer_mrr(customer, at=at, seller_ids=seller_ids) if is_allowed(request, SEE_MRR) else None
    return [
        *_plan(summary),
        *_recurring(mrr),
        *_running(running),
        *_due(summary, customer, at),
        *_wallets(customer, at, seller_ids),
        _health(summary),
    ]


def _plan(summary: CustomerSummary) -> Iterator[HeaderFigure]:
    yield HeaderFigure(_("Plan"), ", ".join(summary.plans) or _("none"), link="?tab=terms" if summary.plans else "")


def _recurring(mrr: dict[str, Decimal] | None) -> Iterator[HeaderFigure]:
    """Yield the MRR in each currency; nothing for those who may not see it."""
    for currency, amount in (mrr or {}).items():
        yield HeaderFigure(_("MRR"), format_money(amount, currency), _("committed"))


def _running(running: Sequence[PeriodUsage]) -> Iterator[HeaderFigure]:
    for currency in sorted({usage.terms.currency for usage in running}):
        usages = [usage for usage in running if usage.terms.currency == currency]
        cost, projected = (exact_sum(getattr(usage, name) for usage in usages) for name in ("cost", "projected"))
        yield HeaderFigure(_("Usage this period"), format_money(cost, currency), link="?tab=usage")
        yield HeaderFigure(_("Projected total"), format_money(projected, currency))


def _due(summary: CustomerSummary, customer: Customer, at: datetime) -> Iterator[HeaderFigure]:
    statement = reverse("admin:customers_customer_account_statement", args=[customer.pk])
    for currency, amount in sorted(summary.due.items()):
        days = summary.days_past_due.get(currency, 0)
        note = ngettext("%(days)s day past due", "%(days)s days past due", days) % {"days": days} if days else ""
        yield HeaderFigure(_("Balance due"), format_money(amount, currency), note, bool(days), statement)
    if not summary.due:
        yield HeaderFigure(_("Balance due"), _("nothing"), link=statement)


def _wallets(customer: Customer, at: datetime, seller_ids: Collection[int] | None) -> Iterator[HeaderFigure]:
    wallets = Wallet.objects.filter(customer=customer, closed_at__isnull=True)
    if seller_ids is not None:
        wallets = wallets.filter(seller__in=seller_ids)
    chosen = list(wallets.order_by("priority", "pk")[:MAX_WALLETS])
    balances = read_balances([wallet.pk for wallet in chosen], at=at)
    for wallet in chosen:
        balance = balances.get(wallet.pk, EMPTY_BALANCES)
        yield HeaderFigure(
            wallet.name or _("Wallet"),
            shown(wallet.balance, wallet.unit),
            _expiry(wallet, balance),
            wallet.balance < 0,
            "?tab=wallet",
        )


def _expiry(wallet: Wallet, balance: WalletBalances) -> str:
    if balance.next_expiry is None:
        return ""
    values = {
        "amount": shown(balance.expiring, wallet.unit),
        "date": date_format(timezone.localtime(balance.next_expiry), "DATE_FORMAT"),
    }
    return _("%(amount)s expire on %(date)s") % values


def _health(summary: CustomerSummary) -> HeaderFigure:
    label = str(summary.health.label)
    return HeaderFigure(_("Health"), label[:1].upper() + label[1:], is_bad=summary.health == CustomerHealth.PAST_DUE)
