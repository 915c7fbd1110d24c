"""
What a case does to one wallet, moment by moment, on the real ledger.

A grant that recurs is a lot per recurrence. A reset ends a lot: what is kept rolls over, and what the grant promises
beyond that is granted anew.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from django.db import transaction

from tests.builders import make_customer, make_feature
from tests.golden.period_cases import shown
from wallets.credit_rules.at_zero_policy import AtZeroPolicy
from wallets.ledger.adjustments import extend, void
from wallets.ledger.errors import InsufficientUnits
from wallets.ledger.expiry import expire
from wallets.ledger.grant import Grant, grant
from wallets.ledger.spend import SpendOutcome, spend
from wallets.models import Entry, Lot, Movement, Transaction, Wallet

D = Decimal
LAST = 32_767
"""The priority of what has none."""

AT_ZERO = {"carry": AtZeroPolicy.GRACE, "reject": AtZeroPolicy.BLOCK, "partial": AtZeroPolicy.OVERAGE}
MORE_THAN_ANY = D(10**9)
DAYS = {"P1D": 1, "P7D": 7}

Moment = tuple[datetime, int, Callable[[], None]]
EXPIRED, GRANTED, USED = range(3)
"""What comes first of what happens at one moment."""


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def feature_id(name: str | None) -> int | None:
    return make_feature(name).pk if name else None


class Burning:
    """One wallet, and what happened to it. grants: as the case writes them; `lots` are told by the grant's id."""

    def __init__(self, unit: str, *, start: datetime, until: datetime, **wallet: Any) -> None:
        currency = {} if unit == "credits" else {"currency": unit}
        self.wallet = Wallet.objects.create(customer=make_customer("acme"), unit=unit, **currency, **wallet)
        self.start, self.until = start, until
        self.lots: dict[int, str] = {}
        self.errors: list[dict[str, str]] = []
        self.moments: list[Moment] = []

    def will_grant(self, one: dict[str, Any], resets: list[datetime]) -> None:
        since, until = moment(one["effective_at"]), one["expires_at"] and moment(one["expires_at"])
        edges = [since, *recurrences(one, since, self.until), *(at for at in resets if at > since)]
        for at, next_at in pairwise([*sorted(set(edges)), None]):
            ends = min((end for end in (until, next_at) if end), default=None)
            made = moment(one["created_at"]) if at == since and "created_at" in one else at
            self._plan(made, GRANTED, lambda at=at, ends=ends: self._grant(one, at, ends, is_reset=at in resets))
        for name in ("deleted_at", "voided_at"):
            if one.get(name):
                ends = moment(one[name])
                self._plan(ends, EXPIRED, lambda at=ends: self._void(one["id"], at))
        if taken := D(one["amount"]) - D(one.get("balance_at_start", one["amount"])):
            self._plan(self.start, EXPIRED, lambda: self._void(one["id"], self.start, taken))

    def will_use(self, one: dict[str, Any], number: int, at_zero: AtZeroPolicy, feature: str | None = None) -> None:
        at = moment(one["at"])
        if not self.start <= at < self.until:
            return
        if one.get("reason") == "void":
            self._plan(at, USED, lambda: self._void(None, at, D(one["amount"]), f"use:{number}"))
        else:
            self._plan(at, USED, lambda: self._use(one, number, at_zero, feature))

    def run(self) -> None:
        """Let it all happen, with what expires at each moment first."""
        for at, _, happens in sorted(self.moments, key=lambda one: one[:2]):
            expire(wallet_id=self.wallet.pk, at=at, grace_period=timedelta(0))
            happens()
        expire(wallet_id=self.wallet.pk, at=self.until, grace_period=timedelta(0))
        self.wallet.refresh_from_db()

    def _plan(self, at: datetime, order: int, happens: Callable[[], None]) -> None:
        if at <= self.until:
            self.moments.append((at, order, happens))

    def _grant(self, one: dict[str, Any], at: datetime, ends: datetime | None, *, is_reset: bool) -> None:
        kept = D(one.get("reset_max_rollover", 0))
        rolled = Lot.objects.filter(wallet=self.wallet, valid_from=at, kind="rollover").last() if is_reset else None
        if rolled is not None:
            self.lots[rolled.pk] = one["id"]
            if ends is None or ends > rolled.expires_at:
                extend(lot_id=rolled.pk, expires_at=ends, reason="for as long as the grant", at=at)
        amount = D(one["amount"])
        if is_reset and "reset_max_rollover" in one and not one.get("recurrence"):
            amount = max(D(one["reset_min_rollover"]) - (rolled.remaining if rolled else 0), D(0))
        if not amount:
            return
        goes_on = bool(kept and ends and (one["expires_at"] is None or ends < moment(one["expires_at"])))
        asked = Grant(
            {"granted": "promotional"}.get(one.get("type", ""), "purchased"),
            amount,
            f"{one['id']}:{at}",
            valid_from=at,
            expires_at=ends,
            priority=LAST if one["priority"] is None else int(one["priority"]),
            features=[feature_id(name) for name in one.get("features") or ()],
            rolls_over=100 if goes_on else 0,
            rollover_most=kept if goes_on else None,
        )
        made = moment(one["created_at"]) if "created_at" in one else at
        [lot] = grant(wallet_id=self.wallet.pk, grants=[asked], at=made)
        self.lots[lot.pk] = one["id"]

    def _use(self, one: dict[str, Any], number: int, at_zero: AtZeroPolicy, feature: str | None) -> None:
        try:
            self.spend(D(one["amount"]), moment(one["at"]), f"use:{number}", at_zero, feature)
        except InsufficientUnits:
            self.errors.append({"at": one["at"], "error": "insufficient_balance"})

    def spend(
        self, amount: Decimal, at: datetime, reference: str, at_zero: AtZeroPolicy, feature: str | None = None
    ) -> SpendOutcome:
        """Take so much, and once more by the same reference, which takes nothing."""
        arguments = {"wallet_id": self.wallet.pk, "amount": amount, "reference": reference, "at": at}
        arguments |= {"at_zero": at_zero, "limit": MORE_THAN_ANY, "feature_id": feature_id(feature)}
        with transaction.atomic():
            first = spend(**arguments)
        assert spend(**arguments) == first
        return first

    def _void(self, id_: str | None, at: datetime, amount: Decimal | None = None, reference: str = "void") -> None:
        """Void so much, or all, of a grant; or of any, in the order in which they came."""
        for lot in Lot.objects.filter(wallet=self.wallet, remaining__gt=0).order_by("id"):
            if id_ in (None, self.lots[lot.pk]):
                units = lot.remaining if amount is None else min(amount, lot.remaining)
                void(lot_id=lot.pk, amount=units, reference=f"{reference}:{lot.pk}", reason="voided", at=at)

    def left(self, id_: str) -> Decimal:
        """Return what is left of a grant at the end, if it may be used then."""
        found = Lot.objects.filter(pk__in=[lot for lot, of in self.lots.items() if of == id_])
        return sum((lot.remaining for lot in found), D(0))

    def ledger(self) -> list[dict[str, Any]]:
        """Return which grant paid which use, and when; a debt, when it was repaid."""
        entries = Entry.objects.filter(wallet=self.wallet, lot__isnull=False).select_related("transaction")
        paying = (Movement.SPEND, Movement.REPAY, Movement.VOID)
        return [
            {
                "at": shown(entry.transaction.used_at or entry.transaction.at),
                "grant": self.lots[entry.lot_id],
                "amount": -entry.units,
            }
            for entry in entries.order_by("place")
            if entry.transaction.kind in paying and not entry.transaction.reference.startswith("void")
        ]

    def used_since(self, at: datetime) -> Decimal:
        """Return what was used from a moment on."""
        found = Transaction.objects.filter(wallet=self.wallet, kind=Movement.SPEND, used_at__gte=at)
        return sum((-one.units for one in found), D(0))


def recurrences(one: dict[str, Any], since: datetime, until: datetime) -> list[datetime]:
    if not one.get("recurrence"):
        return []
    at, every = moment(one["recurrence"]["anchor"]), timedelta(days=DAYS[one["recurrence"]["every"]])
    found = []
    while at <= until:
        if at > since:
            found.append(at)
        at += every
    return found
