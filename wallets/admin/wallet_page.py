"""What a wallet's page shows above the form: balance, charts, lots, and the latest movements."""

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
from wallets.statements.usage_charts import Burned, burned

MOST_LOTS = 30
MOST_MOVES = 25
MOST_FEATURES = 5


class Link(NamedTuple):
    """The way to some usage: how it reads, and where it is."""

    text: str
    url: str


Links = Callable[[Iterable[int]], Mapping[int, Link]]


def wallet_page(wallet: Wallet, asked: Mapping[str, str], *, at: datetime, links_of: Links) -> dict[str, Any]:
    """Return what the page shows, in a fixed number of queries. asked: `kind` and `feature` narrow the movements."""
    standing = read_balances([wallet.pk], at=at).get(wallet.pk, EMPTY_BALANCES)
    last = burned(wallet_id=wallet.pk, zone=ZoneInfo(wallet.customer.time_zone), at=at)
    names = dict(Feature.objects.filter(meter__isnull=False).order_by("name").values_list("pk", "name"))
    rows = list(wallet.lots.filter(has_left=True).order_by("priority", "expires_at", "pk")[: MOST_LOTS + 1])
    return {
        "wallet": wallet,
        "balance": shown(wallet.balance, wallet.unit),
        "available": shown(standing.available, wallet.unit),
        "held": shown(standing.held, wallet.unit) if standing.held else "",
        "debt": shown(wallet.debt, wallet.unit) if wallet.debt else "",
        "next_expiry": standing.next_expiry,
        "expiring": shown(standing.expiring, wallet.unit),
        "grace": shown(wallet.grace, wallet.unit) if wallet.grace else "",
        "balance_chart": _balance_chart(wallet, last),
        "burn_chart": _burn_chart(wallet, last),
        "lots": [_lot(wallet, one, names, at) for one in rows[:MOST_LOTS]],
        "more_lots": len(rows) > MOST_LOTS,
        **_moves(wallet, asked, names, links_of),
    }


# Charts -----------------------------------------------------------------------------------------------------------


def _balance_chart(wallet: Wallet, last: Burned) -> StaffChart | None:
    if not any(last.balances):
        return None
    summary = f"Balance over the last {len(last.days)} days: {shown(last.balances[-1], wallet.unit)} now"
    return line_chart(
        [f"{day:%-d %b}" for day in last.days], [ChartSeries("balance", last.balances)], summary=summary
    )


def _burn_chart(wallet: Wallet, last: Burned) -> StaffChart | None:
    """Return what was used each day: the features that used most, and the others together."""
    used = sorted(last.by_feature.items(), key=lambda one: -sum(one[1]))
    if not used:
        return None
    named = [ChartSeries(name or "by hand", values) for name, values in used[:MOST_FEATURES]]
    if rest := used[MOST_FEATURES:]:
        named.append(
            ChartSeries("others", [sum(day, ZERO) for day in zip(*(values for _, values in rest), strict=True)])
        )
    total = sum((sum(values, ZERO) for _, values in used), ZERO)
    summary = f"Used by day: {shown(total, wallet.unit)} in the last {len(last.days)} days"
    return bar_chart([f"{day:%-d %b}" for day in last.days], named, summary=summary)


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
    """Return what the rest of a lot was paid with."""
    pure = PureLot(lot.pk, lot.amount, lot.remaining, cost=lot.cost)
    return cost_between(pure, lot.remaining, ZERO)


# Movements --------------------------------------------------------------------------------------------------------


def _moves(wallet: Wallet, asked: Mapping[str, str], names: Mapping[int, str], links_of: Links) -> dict[str, Any]:
    kind, feature = asked.get("kind", ""), asked.get("feature", "")
    found = Transaction.objects.filter(wallet=wallet)
    if kind in Movement.values:
        found = found.filter(kind=kind)
    if feature.isdecimal() and int(feature) in names:
        found = found.filter(feature=int(feature))
    own = Prefetch("entries", Entry.objects.filter(account="wallet").select_related("lot").order_by("pk"))
    rows = list(found.select_related("feature", "by").prefetch_related(own).order_by("-at", "-pk")[: MOST_MOVES + 1])
    links = links_of({one.draw for one in rows if one.draw is not None})
    return {
        "moves": [_move(wallet, one, links) for one in rows[:MOST_MOVES]],
        "more_moves": len(rows) > MOST_MOVES,
        "kinds": [(value, label, value == kind) for value, label in Movement.choices],
        "features": [(id_, name, str(id_) == feature) for id_, name in names.items()],
        "narrowed": bool(kind or feature),
    }


def _move(wallet: Wallet, one: Transaction, links: Mapping[int, Link]) -> dict[str, Any]:
    return {
        "pk": one.pk,
        "at": one.at,
        "kind": one.get_kind_display(),
        "feature": one.feature.name if one.feature else "",
        "units": shown(one.units, wallet.unit),
        "is_out": one.units < 0,
        "balance": shown(one.balance_after, wallet.unit),
        "uncovered": shown(one.uncovered, wallet.unit) if one.uncovered else "",
        "entries": _entries(wallet, list(one.entries.all())),
        "reason": one.reason,
        "by": str(one.by) if one.by else "",
        "link": links.get(one.draw) if one.draw is not None else None,
    }


def _entries(wallet: Wallet, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return what a movement took from which lots, or put into them."""
    return [
        {
            "lot": one.lot_id,
            "of": one.lot.get_kind_display() if one.lot else "owed",
            "units": format_number(one.units),
            "cost": shown(one.money, str(wallet.currency)) if one.money else "",
        }
        for one in entries
    ]
