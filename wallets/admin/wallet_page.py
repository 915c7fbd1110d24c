"""The context of a wallet's page: balance, charts, lots, and the latest transactions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Prefetch

from lib.admin.charts import ChartSeries, StaffChart, bar_chart, line_chart
from lib.decimals import EXACT, ZERO
from lib.formats import format_number
from plans.models import Feature
from wallets.credit_rules.lots import Lot as PureLot
from wallets.credit_rules.lots import cost_between
from wallets.ledger.balances import EMPTY_BALANCES, read_balances
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
        "balance": shown(wallet.balance, wallet.unit),
        "available": shown(balances.available, wallet.unit),
        "held": shown(balances.held, wallet.unit) if balances.held else "",
        "debt": shown(wallet.debt, wallet.unit) if wallet.debt else "",
        "next_expiry": balances.next_expiry,
        "expiring": shown(balances.expiring, wallet.unit),
        "grace": shown(wallet.grace, wallet.unit) if wallet.grace else "",
        "balance_chart": _balance_chart(wallet, recent_usage),
        "burn_chart": _burn_chart(wallet, recent_usage),
        "lots": [_lot(wallet, lot, names, at) for lot in rows[:MAX_LOTS]],
        "more_lots": len(rows) > MAX_LOTS,
        **_moves(wallet, filters, names, links_of),
    }


# Charts -----------------------------------------------------------------------------------------------------------


def _balance_chart(wallet: Wallet, recent_usage: WalletUsage) -> StaffChart | None:
    if not any(recent_usage.balances):
        return None
    summary = (
        f"Balance over the last {len(recent_usage.days)} days: {shown(recent_usage.balances[-1], wallet.unit)} now"
    )
    return line_chart(
        [f"{day:%-d %b}" for day in recent_usage.days],
        [ChartSeries("balance", recent_usage.balances)],
        summary=summary,
    )


def _burn_chart(wallet: Wallet, recent_usage: WalletUsage) -> StaffChart | None:
    """Return a chart of daily usage: the features that used most, and the others together."""
    used = sorted(recent_usage.by_feature.items(), key=lambda pair: -sum(pair[1]))
    if not used:
        return None
    series = [ChartSeries(name or "by hand", values) for name, values in used[:MAX_FEATURES]]
    if rest := used[MAX_FEATURES:]:
        series.append(
            ChartSeries("others", [sum(day, ZERO) for day in zip(*(values for _, values in rest), strict=True)])
        )
    total = sum((sum(values, ZERO) for _, values in used), ZERO)
    summary = f"Used by day: {shown(total, wallet.unit)} in the last {len(recent_usage.days)} days"
    return bar_chart([f"{day:%-d %b}" for day in recent_usage.days], series, summary=summary)


# Lots -------------------------------------------------------------------------------------------------------------


def _lot(wallet: Wallet, lot: Lot, names: Mapping[int, str], at: datetime) -> dict[str, Any]:
    free = EXACT.subtract(lot.remaining, lot.held)
    return {
        "pk": lot.pk,
        "kind": lot.get_kind_display(),
        "remaining": format_number(lot.remaining),
        "amount": format_number(lot.amount),
        "percent": int(lot.remaining * 100 / lot.amount),
        "held": format_number(lot.held) if lot.held else "",
        "cost": shown(cost_left(lot), str(wallet.currency)) if lot.cost else "",
        "valid_from": lot.valid_from if lot.valid_from > at else None,
        "expires_at": lot.expires_at,
        "is_over": lot.expires_at is not None and lot.expires_at <= at,
        "features": ", ".join(names.get(id_, "?") for id_ in lot.features),
        "can_refund": bool(lot.cost and free),
        "can_void": bool(free),
        "can_extend": lot.expires_at is not None and not lot.expired,
    }


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
        "moves": [_move(wallet, movement, links) for movement in rows[:MAX_TRANSACTIONS]],
        "more_moves": len(rows) > MAX_TRANSACTIONS,
        "kinds": [(value, label, value == kind) for value, label in Movement.choices],
        "features": [(id_, name, str(id_) == feature) for id_, name in names.items()],
        "narrowed": bool(kind or feature),
    }


def _move(wallet: Wallet, movement: Transaction, links: Mapping[int, Link]) -> dict[str, Any]:
    return {
        "pk": movement.pk,
        "at": movement.at,
        "kind": movement.get_kind_display(),
        "feature": movement.feature.name if movement.feature else "",
        "units": shown(movement.units, wallet.unit),
        "is_out": movement.units < 0,
        "balance": shown(movement.balance_after, wallet.unit),
        "uncovered": shown(movement.uncovered, wallet.unit) if movement.uncovered else "",
        "entries": _entries(wallet, list(movement.entries.all())),
        "reason": movement.reason,
        "by": str(movement.by) if movement.by else "",
        "link": links.get(movement.draw) if movement.draw is not None else None,
    }


def _entries(wallet: Wallet, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return the lots that a transaction took units from or added them to."""
    return [
        {
            "lot": entry.lot_id,
            "of": entry.lot.get_kind_display() if entry.lot else "owed",
            "units": format_number(entry.units),
            "cost": shown(entry.money, str(wallet.currency)) if entry.money else "",
        }
        for entry in entries
    ]
