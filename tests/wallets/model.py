"""Two wallets as simple as can be: fractions in a list, and no ledger. What the real ones are compared with."""

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
    """One grant; `held` is by hold, `gone` went to breakage, `rolled` to other lots."""

    wallet: int
    left: Fraction
    is_paid: bool
    since: datetime
    until: datetime | None = None
    only: str = ""
    priority: int = 50
    rolls: int = 0
    most: Fraction | None = None
    lasts: timedelta | None = None
    made: int = 0
    gone: Fraction = NONE
    rolled: Fraction = NONE
    held: dict[str, Fraction] = field(default_factory=dict)

    @property
    def free(self):
        return self.left - sum(self.held.values())

    def serves(self, at, what):
        return self.since <= at and (self.until is None or at < self.until) and self.only in ("", what)


class Model:
    """`limit`: how much each wallet may owe. `room`: hold → what it keeps room to owe, in the last wallet."""

    def __init__(self, limit):
        self.lots, self.debt, self.limit = [], [NONE, NONE], Fraction(limit)
        self.room, self.holds = {}, {}

    def order(self, *wallets):
        def key(one):
            return (one.wallet, one.priority, one.until or NEVER, one.is_paid, not one.only, one.made)

        return sorted((lot for lot in self.lots if lot.wallet in (wallets or (0, 1))), key=key)

    def balance(self, wallet):
        return sum((one.left for one in self.order(wallet)), NONE) - self.debt[wallet]

    def grant(self, lot, at):
        lot.made = len(self.lots)
        self.lots.append(lot)
        self.pay(lot, at)

    def pay(self, lot, at):
        if lot.serves(at, "") and not lot.only:
            paid = min(lot.free, self.debt[lot.wallet])
            lot.left, self.debt[lot.wallet] = lot.left - paid, self.debt[lot.wallet] - paid

    def take(self, amount, at, what, wallets, with_gone):
        shares, missing = [], amount
        for lot in self.order(*wallets):
            if lot.serves(at, what):
                units = min(lot.free + (lot.gone if with_gone else 0), missing)
                missing -= units
                shares.append((lot, units))
        room = self.limit - self.debt[wallets[-1]] - (sum(self.room.values()) if wallets[-1] == 1 else 0)
        if missing > max(room, 0):
            raise Refused
        return shares, missing

    def spend(self, amount, at, what, wallets):
        shares, missing = self.take(amount, at, what, wallets, with_gone=True)
        for lot, units in shares:
            back = max(units - lot.free, NONE)
            lot.gone, lot.left = lot.gone - back, lot.left + back - units
        self.debt[wallets[-1]] += missing

    def hold(self, name, amount, at, until, what):
        before = deepcopy(vars(self))
        self.lapse(at)
        try:
            shares, self.room[name] = self.take(amount, at, what, (0, 1), with_gone=False)
        except Refused:
            vars(self).update(before)
            raise
        for lot, units in shares:
            lot.held[name] = units
        self.holds[name] = (at, until, what)

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
        since, _, what = self.release(name)
        try:
            self.spend(amount, since, what, (0, 1))
        except Refused:
            vars(self).update(before)
            raise

    def remove(self, place, amount):
        if self.lots[place].free < amount:
            raise Refused
        self.lots[place].left -= amount

    def transfer(self, source, target, amount, at):
        lots = [lot for lot in self.order(source) if lot.since <= at and (not lot.until or at < lot.until)]
        if sum((lot.free for lot in lots), NONE) < amount:
            raise Refused
        for lot in lots:
            if units := min(lot.free, amount):
                amount -= units
                lot.left -= units
                new = ModelLot(target, units, lot.is_paid, lot.since, lot.until, lot.only, lot.priority)
                new.rolls, new.most, new.lasts = lot.rolls, lot.most, lot.lasts
                self.grant(new, at)

    def extend(self, place, until):
        lot = self.lots[place]
        if lot.until is None or (until and until <= lot.until) or lot.gone or not lot.left:
            raise Refused
        lot.until = until

    def expire(self, wallet, at):
        for lot in self.order(wallet):
            if lot.until and lot.until <= at and (rest := lot.free):
                most = rest if lot.most is None else max(lot.most - lot.rolled, NONE)
                on = min(rest, most) if lot.rolls else NONE
                lot.rolled += on
                lot.left, lot.gone = lot.left - rest, lot.gone + rest - on
                if on:
                    until = lot.until + (lot.lasts or lot.until - lot.since)
                    new = ModelLot(wallet, on, lot.is_paid, lot.until, until, lot.only, lot.priority, lot.rolls - 1)
                    new.most, new.lasts = lot.most, lot.lasts
                    self.grant(new, at)
                    new.made = lot.made
        for lot in self.order(wallet):
            self.pay(lot, at)
