"""
The steps of a case on entry wallet, in chronological order, on the real ledger.

A recurring grant is a lot per recurrence. A reset ends a lot: a part rolls over, and the rest of the grant is granted
again.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from django.db import transaction

from tests.builders import make_customer, make_feature
from tests.golden.period_cases import to_text
from wallets.credit_rules.at_zero_policy import AtZeroPolicy
from wallets.ledger.adjustments import extend, void
from wallets.ledger.errors import InsufficientUnits
from wallets.ledger.expiry import expire
from wallets.ledger.grant import Grant, grant
from wallets.ledger.spend import SpendOutcome, spend
from wallets.models import Entry, Lot, Movement, Transaction, Wallet

D = Decimal
LAST = 32_767
"""The priority of a grant without one."""

AT_ZERO = {"carry": AtZeroPolicy.GRACE, "reject": AtZeroPolicy.BLOCK, "partial": AtZeroPolicy.OVERAGE}
MORE_THAN_ANY = D(10**9)
DAYS = {"P1D": 1, "P7D": 7}

Moment = tuple[datetime, int, Callable[[], None]]
EXPIRED, GRANTED, USED = range(3)
"""The order of steps at the same time."""


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def feature_id(name: str | None) -> int | None:
    return make_feature(name).pk if name else None


class WalletRun:
    """One wallet and its history. grants: as the case defines them; `lots`: lot → id of its grant."""

    def __init__(self, unit: str, *, start: datetime, until: datetime, **wallet: Any) -> None:
        currency = {} if unit == "credits" else {"currency": unit}
        self.wallet = Wallet.objects.create(customer=make_customer("acme"), unit=unit, **currency, **wallet)
        self.start, self.until = start, until
        self.lots: dict[int, str] = {}
        self.errors: list[dict[str, str]] = []
        self.moments: list[Moment] = []

    def will_grant(self, entry: dict[str, Any], resets: list[datetime]) -> None:
        priority = LAST if entry["priority"] is None else int(entry["priority"])
        since, until = moment(entry["effective_at"]), entry["expires_at"] and moment(entry["expires_at"])
        starts = [since, *recurrences(entry, since, self.until), *(at for at in resets if at > since)]
        for at, next_at in pairwise([*sorted(set(starts)), None]):
            ends = min((end for end in (until, next_at) if end), default=None)
            made = moment(entry["created_at"]) if at == since and "created_at" in entry else at
            self._plan(
                made, GRANTED, lambda at=at, ends=ends: self._grant(entry, at, ends, priority, is_reset=at in resets)
            )
        for name in ("deleted_at", "voided_at"):
            if entry.get(name):
                ends = moment(entry[name])
                self._plan(ends, EXPIRED, lambda at=ends: self._void(entry["id"], at))
        if taken := D(entry["amount"]) - D(entry.get("balance_at_start", entry["amount"])):
            self._plan(self.start, EXPIRED, lambda: self._void(entry["id"], self.start, taken))

    def will_use(self, entry: dict[str, Any], number: int, at_zero: AtZeroPolicy, feature: str | None = None) -> None:
        at, amount = moment(entry["at"]), D(entry["amount"])
        if not self.start <= at < self.until:
            return
        if entry.get("reason") == "void":
            self._plan(at, USED, lambda: self._void(None, at, amount, f"use:{number}"))
        else:
            self._plan(at, USED, lambda: self._use(entry, number, at_zero, feature))

    def run(self) -> None:
        """Run all steps in order; at each time, expiries first."""
        for at, _, happens in sorted(self.moments, key=lambda entry: entry[:2]):
            expire(wallet_id=self.wallet.pk, at=at, grace_period=timedelta(0))
            happens()
        expire(wallet_id=self.wallet.pk, at=self.until, grace_period=timedelta(0))
        self.wallet.refresh_from_db()

    def _plan(self, at: datetime, order: int, happens: Callable[[], None]) -> None:
        if at <= self.until:
            self.moments.append((at, order, happens))

    def _grant(
        self, entry: dict[str, Any], at: datetime, ends: datetime | None, priority: int, *, is_reset: bool
    ) -> None:
        least, rollover = (D(entry.get(f"reset_{name}_rollover", 0)) for name in ("min", "max"))
        rolled = Lot.objects.filter(wallet=self.wallet, valid_from=at, kind="rollover").last() if is_reset else None
        if rolled is not None:
            self.lots[rolled.pk] = entry["id"]
            if ends is None or ends > rolled.expires_at:
                extend(lot_id=rolled.pk, expires_at=ends, reason="for as long as the grant", at=at)
        amount = D(entry["amount"])
        if is_reset and "reset_max_rollover" in entry and not entry.get("recurrence"):
            amount = max(least - (rolled.remaining if rolled else 0), D(0))
        if not amount:
            return
        goes_on = bool(rollover and ends and (entry["expires_at"] is None or ends < moment(entry["expires_at"])))
        grant_terms = Grant(
            {"granted": "promotional"}.get(entry.get("type", ""), "purchased"),
            amount,
            f"{entry['id']}:{at}",
            valid_from=at,
            expires_at=ends,
            priority=priority,
            features=[feature_id(name) for name in entry.get("features") or ()],
            rolls_over=100 if goes_on else 0,
            rollover_most=rollover if goes_on else None,
        )
        made = moment(entry["created_at"]) if "created_at" in entry else at
        [lot] = grant(wallet_id=self.wallet.pk, grants=[grant_terms], at=made)
        self.lots[lot.pk] = entry["id"]

    def _use(self, entry: dict[str, Any], number: int, at_zero: AtZeroPolicy, feature: str | None) -> None:
        try:
            self.spend(D(entry["amount"]), moment(entry["at"]), f"use:{number}", at_zero, feature)
        except InsufficientUnits:
            self.errors.append({"at": entry["at"], "error": "insufficient_balance"})

    def spend(
        self, amount: Decimal, at: datetime, reference: str, at_zero: AtZeroPolicy, feature: str | None = None
    ) -> SpendOutcome:
        """Spend this amount, and repeat it by the same reference, which spends nothing."""
        arguments = {"wallet_id": self.wallet.pk, "amount": amount, "reference": reference, "at": at}
        arguments |= {"at_zero": at_zero, "limit": MORE_THAN_ANY, "feature_id": feature_id(feature)}
        with transaction.atomic():
            first = spend(**arguments)
        assert spend(**arguments) == first
        return first

    def _void(self, id_: str | None, at: datetime, amount: Decimal | None = None, reference: str = "void") -> None:
        """Void this amount, or all, of a grant; or of any grant, in the order of their creation."""
        for lot in Lot.objects.filter(wallet=self.wallet, remaining__gt=0).order_by("id"):
            if id_ in (None, self.lots[lot.pk]):
                units = lot.remaining if amount is None else min(amount, lot.remaining)
                void(lot_id=lot.pk, amount=units, reference=f"{reference}:{lot.pk}", reason="voided", at=at)

    def left(self, id_: str) -> Decimal:
        """Return the remaining amount of a grant at the end, if it is usable then."""
        lots = Lot.objects.filter(pk__in=[lot for lot, grant_id in self.lots.items() if grant_id == id_])
        return sum((lot.remaining for lot in lots), D(0))

    def ledger(self) -> list[dict[str, Any]]:
        """Return which grant paid which usage, and when; for a debt, when it was repaid."""
        entries = Entry.objects.filter(wallet=self.wallet, lot__isnull=False).select_related("transaction")
        paying = (Movement.SPEND, Movement.REPAY, Movement.VOID)
        return [
            {
                "at": to_text(entry.transaction.used_at or entry.transaction.at),
                "grant": self.lots[entry.lot_id],
                "amount": -entry.units,
            }
            for entry in entries.order_by("place")
            if entry.transaction.kind in paying and not entry.transaction.reference.startswith("void")
        ]

    def has_repaid(self) -> bool:
        """Return whether a lot has paid for use that was owed."""
        return Transaction.objects.filter(wallet=self.wallet, kind=Movement.REPAY).exists()

    def used_since(self, at: datetime) -> Decimal:
        """Return the amount used since a time."""
        spends = Transaction.objects.filter(wallet=self.wallet, kind=Movement.SPEND, used_at__gte=at)
        return sum((-spend_.units for spend_ in spends), D(0))


def recurrences(entry: dict[str, Any], since: datetime, until: datetime) -> list[datetime]:
    if not entry.get("recurrence"):
        return []
    at, every = moment(entry["recurrence"]["anchor"]), timedelta(days=DAYS[entry["recurrence"]["every"]])
    times = []
    while at <= until:
        if at > since:
            times.append(at)
        at += every
    return times
