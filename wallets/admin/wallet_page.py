"""The context of a wallet's page: balance, charts, lots, and the latest transactions."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Prefetch
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext

from lib.admin.charts import ChartSeries, StaffChart, bar_chart, line_chart
from lib.decimals import EXACT, ZERO
from plans.models import Feature
from wallets.credit_rules.lots import Lot as PureLot
from wallets.credit_rules.lots import cost_between
from wallets.ledger.balances import EMPTY_BALANCES, read_balances
from wallets.ledger.ongoing_balance import read_ongoing_balances
from wallets.models import Entry, Lot, Movement, Transaction, Wallet
from wallets.statements.formats import shown
from wallets.statements.usage_charts import WalletUsage, read_recent_usage

# The page shows the beginning and links to the full lists.
MAX_LOTS = 30
MAX_TRANSACTIONS = 25
# More series are hard to distinguish by color; the others are summed.
MAX_FEATURES = 5


class Link(NamedTuple):
    """A link to usage: its text and its address."""

    text: str
    url: str


Links = Callable[[Iterable[int]], Mapping[int, Link]]


def wallet_page(wallet: Wallet, filters: Mapping[str, str], *, at: datetime, links_of: Links) -> dict[str, Any]:
    """
    Return the context of the page, in a fixed number of queries. filters: `kind` and `feature` narrow the
    transactions.
    """
    balances = read_balances([wallet.pk], at=at).get(wallet.pk, EMPTY_BALANCES)
    recent_usage = read_recent_usage(wallet_id=wallet.pk, zone=ZoneInfo(wallet.customer.time_zone), at=at)
    names = dict(Feature.objects.filter(meter__isnull=False).order_by("name").values_list("pk", "name"))
    rows = list(wallet.lots.filter(has_left=True).order_by("priority", "expires_at", "pk")[: MAX_LOTS + 1])
    return {
        "wallet": wallet,
        "balances": balances,
        "ongoing_balance": read_ongoing_balances([wallet], at=at).get(wallet.pk),
        "at": at,
        "balance_chart": _balance_chart(wallet, recent_usage),
        "burn_chart": _burn_chart(wallet, recent_usage),
        "lots": [_lot(lot, names) for lot in rows[:MAX_LOTS]],
        "more_lots": len(rows) > MAX_LOTS,
        **_moves(wallet, filters, names, links_of),
    }


# Charts -----------------------------------------------------------------------------------------------------------


def _balance_chart(wallet: Wallet, recent_usage: WalletUsage) -> StaffChart | None:
    if not any(recent_usage.balances):
        return None
    days = len(recent_usage.days)
    summary = ngettext(
        "Balance over the last %(days)s day: %(balance)s now",
        "Balance over the last %(days)s days: %(balance)s now",
        days,
    ) % {"days": days, "balance": shown(recent_usage.balances[-1], wallet.unit)}
    return line_chart(
        _day_labels(recent_usage),
        [ChartSeries(gettext("balance"), recent_usage.balances)],
        summary=summary,
    )


def _burn_chart(wallet: Wallet, recent_usage: WalletUsage) -> StaffChart | None:
    """Return a chart of daily usage: the features that used most, and the others together."""
    used = sorted(recent_usage.by_feature.items(), key=lambda pair: -sum(pair[1]))
    if not used:
        return None
    series = [ChartSeries(name or gettext("manual"), values) for name, values in used[:MAX_FEATURES]]
    if rest := used[MAX_FEATURES:]:
        series.append(
            ChartSeries(
                gettext("others"), [sum(day, ZERO) for day in zip(*(values for _, values in rest), strict=True)]
            )
        )
    total = sum((sum(values, ZERO) for _, values in used), ZERO)
    days = len(recent_usage.days)
    text = ngettext("%(amount)s in the last %(days)s day", "%(amount)s in the last %(days)s days", days)
    summary = text % {"amount": shown(total, wallet.unit), "days": days}
    return bar_chart(_day_labels(recent_usage), series, summary=summary)


def _day_labels(recent_usage: WalletUsage) -> list[str]:
    return [date_format(day, "j M") for day in recent_usage.days]


# Lots -------------------------------------------------------------------------------------------------------------


def _lot(lot: Lot, names: Mapping[int, str]) -> tuple[Lot, Decimal, Decimal, str]:
    """Return a lot with its units that are not held, the cost of its remaining units, and its features as text."""
    features = ", ".join(names.get(id_, "?") for id_ in lot.features)
    return lot, EXACT.subtract(lot.remaining, lot.held), cost_left(lot), features


def cost_left(lot: Lot) -> Decimal:
    """Return the cost of a lot's remaining units."""
    pure = PureLot(lot.pk, lot.amount, lot.remaining, cost=lot.cost)
    return cost_between(pure, lot.remaining, ZERO)


# Movements --------------------------------------------------------------------------------------------------------


def _moves(wallet: Wallet, filters: Mapping[str, str], names: Mapping[int, str], links_of: Links) -> dict[str, Any]:
    kind, feature = filters.get("kind", ""), filters.get("feature", "")
    transactions = Transaction.objects.filter(wallet=wallet)
    if kind in Movement.values:
        transactions = transactions.filter(kind=kind)
    if feature.isdecimal() and int(feature) in names:
        transactions = transactions.filter(feature=int(feature))
    wallet_entries = Prefetch("entries", Entry.objects.filter(account="wallet").select_related("lot").order_by("pk"))
    rows = list(
        transactions.select_related("feature", "by")
        .prefetch_related(wallet_entries)
        .order_by("-at", "-pk")[: MAX_TRANSACTIONS + 1]
    )
    links = links_of({movement.draw for movement in rows if movement.draw is not None})
    return {
        "moves": [
            (movement, None if movement.draw is None else links.get(movement.draw))
            for movement in rows[:MAX_TRANSACTIONS]
        ],
        "more_moves": len(rows) > MAX_TRANSACTIONS,
        "kinds": [(value, label, value == kind) for value, label in Movement.choices],
        "features": [(id_, name, str(id_) == feature) for id_, name in names.items()],
        "narrowed": bool(kind or feature),
    }
