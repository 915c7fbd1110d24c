"""The simplest model of two wallets: fractions in a list, without a ledger. The real wallets are compared with it."""

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction

NONE = Fraction(0)
NEVER = datetime.max.replace(tzinfo=UTC)


class Refused(Exception):
    pass


@dataclass
class ModelLot:
    """A grant. `held`: hold → units. `gone`: units that became breakage. `rolled_over`: units moved to other lots."""

    wallet: int
    remaining: Fraction
    is_paid: bool
    since: datetime
    until: datetime | None = None
    only_feature: str = ""
    priority: int = 50
    rolls: int = 0
    most: Fraction | None = None
    lasts: timedelta | None = None
    made: int = 0
    expired: Fraction = NONE
    rolled_over: Fraction = NONE
    held: dict[str, Fraction] = field(default_factory=dict)

    @property
    def free(self):
        return self.remaining - sum(self.held.values())

    def serves(self, at, feature):
        return self.since <= at and (self.until is None or at < self.until) and self.only_feature in ("", feature)


class Model:
    """
    Two wallets. `limit`: the overdraft limit of each. `room`: hold → overdraft that it reserves, in the last wallet.
    """

    def __init__(self, limit):
        self.lots, self.debt, self.limit = [], [NONE, NONE], Fraction(limit)
        self.room, self.holds = {}, {}

    def order(self, *wallets):
        def key(lot):
            return (lot.wallet, lot.priority, lot.until or NEVER, lot.is_paid, not lot.only_feature, lot.made)

        return sorted((lot for lot in self.lots if lot.wallet in (wallets or (0, 1))), key=key)

    def balance(self, wallet):
        return sum((lot.remaining for lot in self.order(wallet)), NONE) - self.debt[wallet]

    def grant(self, lot, at):
        lot.made = len(self.lots)
        self.lots.append(lot)
        self.pay(lot, at)

    def pay(self, lot, at):
        if lot.serves(at, "") and not lot.only_feature:
            paid = min(lot.free, self.debt[lot.wallet])
            lot.remaining, self.debt[lot.wallet] = lot.remaining - paid, self.debt[lot.wallet] - paid

    def take(self, amount, at, feature, wallets, with_expired):
        shares, missing = [], amount
        for lot in self.order(*wallets):
            if lot.serves(at, feature):
                units = min(lot.free + (lot.expired if with_expired else 0), missing)
                missing -= units
                shares.append((lot, units))
        room = self.limit - self.debt[wallets[-1]] - (sum(self.room.values()) if wallets[-1] == 1 else 0)
        if missing > max(room, 0):
            raise Refused
        return shares, missing

    def spend(self, amount, at, feature, wallets):
        shares, missing = self.take(amount, at, feature, wallets, with_expired=True)
        for lot, units in shares:
            back = max(units - lot.free, NONE)
            lot.expired, lot.remaining = lot.expired - back, lot.remaining + back - units
        self.debt[wallets[-1]] += missing

    def hold(self, name, amount, at, until, feature):
        before = deepcopy(vars(self))
        self.lapse(at)
        try:
            shares, self.room[name] = self.take(amount, at, feature, (0, 1), with_expired=False)
        except Refused:
            vars(self).update(before)
            raise
        for lot, units in shares:
            lot.held[name] = units
        self.holds[name] = (at, until, feature)

    def release(self, name):
        if name not in self.holds:
            raise Refused
        for lot in self.lots:
            lot.held.pop(name, None)
        self.room.pop(name)
        return self.holds.pop(name)

    def lapse(self, at):
        for name in [name for name, (_, until, _) in self.holds.items() if until <= at]:
            self.release(name)

    def commit(self, name, amount, at):
        before = deepcopy(vars(self))
        if name not in self.holds or self.holds[name][1] <= at:
            raise Refused
        since, _, feature = self.release(name)
        try:
            self.spend(amount, since, feature, (0, 1))
        except Refused:
            vars(self).update(before)
            raise

    def remove(self, place, amount):
        if self.lots[place].free < amount:
            raise Refused
        self.lots[place].remaining -= amount

    def remove_all(self, wallet):
        lots = [lot for lot in self.order(wallet) if lot.free]
        if not lots:
            raise Refused
        for lot in lots:
            lot.remaining -= lot.free

    def transfer(self, source, target, amount, at):
        lots = [lot for lot in self.order(source) if lot.since <= at and (not lot.until or at < lot.until)]
        if sum((lot.free for lot in lots), NONE) < amount:
            raise Refused
        for lot in lots:
            if units := min(lot.free, amount):
                amount -= units
                lot.remaining -= units
                new = ModelLot(target, units, lot.is_paid, lot.since, lot.until, lot.only_feature, lot.priority)
                new.rolls, new.most, new.lasts = lot.rolls, lot.most, lot.lasts
                self.grant(new, at)

    def extend(self, place, until):
        lot = self.lots[place]
        if lot.until is None or (until and until <= lot.until) or lot.expired or not lot.remaining:
            raise Refused
        lot.until = until

    def expire(self, wallet, at):
        for lot in self.order(wallet):
            if lot.until and lot.until <= at and (rest := lot.free):
                most = rest if lot.most is None else max(lot.most - lot.rolled_over, NONE)
                on = min(rest, most) if lot.rolls else NONE
                lot.rolled_over += on
                lot.remaining, lot.expired = lot.remaining - rest, lot.expired + rest - on
                if on:
                    until = lot.until + (lot.lasts or lot.until - lot.since)
                    new = ModelLot(
                        wallet, on, lot.is_paid, lot.until, until, lot.only_feature, lot.priority, lot.rolls - 1
                    )
                    new.most, new.lasts = lot.most, lot.lasts
                    self.grant(new, at)
                    new.made = lot.made
        for lot in self.order(wallet):
            self.pay(lot, at)
