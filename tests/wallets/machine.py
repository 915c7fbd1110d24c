"""Every operation on wallets, in any order, on the real wallets and on the model."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import count

from django.db import connection, transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lib.decimals import to_plain_string
from tests.builders import JAN, make_customer, make_feature
from tests.wallets.model import NONE, Model, ModelLot, Refused
from wallets.credit_rules.at_zero_policy import AtZeroPolicy
from wallets.ledger.adjustments import extend, refund, transfer, void, void_all
from wallets.ledger.errors import LedgerRefused
from wallets.ledger.expiry import expire
from wallets.ledger.grant import Grant, grant
from wallets.ledger.hold import commit, hold, release
from wallets.ledger.spend import SpendRequest, spend
from wallets.models import Hold, Lot, Transaction, Wallet

DAY = timedelta(days=1)
amounts = st.one_of(st.integers(1, 400), st.integers(1, 400_000).map(lambda n: Fraction(n, 1000)))
shares = st.sampled_from([1, 3, 10, 10, 25, 50, 99, 100, 101, 140])
wallets = st.sampled_from([0, 1])
features = st.sampled_from(["", "", "a", "b"])
days = st.integers(1, 12)
attempted: Counter[str] = Counter()
"""Operations tried, and how many were refused."""
ledger_outcomes: Counter[str] = Counter()
"""Transactions and final hold states in the ledger."""


class Wallets(RuleBasedStateMachine):
    """
    Two wallets of one customer with an overdraft limit. Lots are identified by their position in order of creation,
    holds by name.
    """

    def __init__(self):
        super().__init__()
        self.around = transaction.atomic()
        self.around.__enter__()
        self.at, self.names = JAN, map(str, count())

    @initialize(limit=st.sampled_from([0, 0, 15]))
    def begin(self, limit):
        customer = make_customer("acme")
        self.customer, self.limit = customer.pk, Decimal(limit)
        self.features = {name: make_feature(name).pk for name in "ab"} | {"": None}
        priorities = enumerate((50, 60))
        created = [
            Wallet.objects.create(customer=customer, name=str(n), priority=priority) for n, priority in priorities
        ]
        self.wallets = [wallet.pk for wallet in created]
        self.model, self.holds = Model(limit), {}
        plain = {"later": 0, "only_feature": "", "priority": 50, "rolls": 0, "most": None, "rollover_days": None}
        for wallet, paid, lasts in ((0, True, None), (1, True, None), (0, False, 9), (1, False, 5)):
            self.grant(wallet=wallet, amount=500, paid=paid, lasts=lasts, **plain)

    def run_both(self, name, real, model):
        """
        Run an operation on the wallets and on the model. Either each refuses or each succeeds; return whether they
        did, and the real answer.
        """
        attempted[name] += 1
        try:
            with transaction.atomic():
                answer = real()
        except LedgerRefused as error:
            attempted["refused"] += 1
            try:
                model()
            except Refused:
                return False, None
            raise AssertionError(f"{name} was refused: {error}") from error
        model()
        return True, answer

    def use(self, amount, feature, **facts):
        zero = {"at_zero": AtZeroPolicy.GRACE if self.limit else AtZeroPolicy.BLOCK, "limit": self.limit}
        return {
            "amount": dec(amount),
            "feature_id": self.features[feature],
            "reference": next(self.names),
            **zero,
            **facts,
        }

    @rule(hours=st.one_of(st.integers(1, 30), st.integers(24, 120)))
    def wait(self, hours):
        self.at += timedelta(hours=hours)

    @rule(
        wallet=wallets,
        amount=amounts,
        paid=st.booleans(),
        lasts=st.none() | days,
        later=st.sampled_from([0, 0, 0, 2]),
        only_feature=features,
        priority=st.sampled_from([50, 50, 40]),
        rolls=st.integers(0, 2),
        most=st.none() | amounts,
        rollover_days=st.none() | days,
    )
    def add_grant(self, **conditions):
        self.grant(**conditions)

    def grant(self, *, wallet, amount, paid, lasts, later, only_feature, priority, rolls, most, rollover_days):
        since = self.at + later * DAY
        until = since + lasts * DAY if lasts else None
        rolls = rolls if until else 0
        terms = Grant(
            "purchased" if paid else "promotional",
            dec(amount),
            next(self.names),
            cost=Decimal(7) if paid else Decimal(0),
            valid_from=since,
            expires_at=until,
            features=[self.features[only_feature]] if only_feature else [],
            priority=priority,
            rolls_over=rolls,
            rollover_most=None if most is None else dec(most),
            rollover_days=rollover_days,
        )
        lot = ModelLot(wallet, Fraction(amount), paid, since, until, only_feature, priority, rolls)
        lot.most, lot.lasts = None if most is None else Fraction(most), rollover_days * DAY if rollover_days else None
        granting = {"wallet_id": self.wallets[wallet], "grants": [terms], "at": self.at}
        self.run_both("grant", lambda: grant(**granting), lambda: self.model.grant(lot, self.at))
        assert len(grant(**granting)) == 1, "the same source grants nothing again"

    @precondition(lambda self: any(lot.free for lot in self.model.lots))
    @rule(wallet=wallets, share=shares, feature=features, back=st.sampled_from([0, 0, 0, 1, 5]))
    def spend(self, wallet, share, feature, back):
        when = max(self.at - back * DAY, JAN)
        amount = self.part_of(self.available(wallet, feature, when), share)
        arguments = self.use(amount, feature, wallet_id=self.wallets[wallet], at=self.at, used_at=when)
        done, first = self.run_both(
            "spend", lambda: spend(**arguments), lambda: self.model.spend(amount, when, feature, (wallet,))
        )
        if done:
            assert spend(**arguments) == first, "a repeat is answered as the first"

    @precondition(lambda self: any(lot.free for lot in self.model.lots))
    @rule(share=shares, feature=features, lasts=days)
    def hold(self, share, feature, lasts):
        amount, until = self.part_of(self.available(None, feature, self.at), share), self.at + lasts * DAY
        name = next(self.names)
        use = SpendRequest(at=self.at, **(self.use(amount, feature) | {"reference": name}))
        keep = {"customer_id": self.customer, "unit": "credits", "request": use, "until": until}
        done, created = self.run_both(
            "hold", lambda: hold(**keep), lambda: self.model.hold(name, amount, self.at, until, feature)
        )
        if done:
            assert hold(**keep) == created
            self.holds[name] = created.pk, amount

    @precondition(lambda self: self.holds)
    @rule(which=st.randoms(use_true_random=False), share=shares)
    def commit(self, which, share):
        name = which.choice(list(self.holds))
        id_, held_amount = self.holds.pop(name)
        amount = self.part_of(held_amount, share)
        arguments = {"hold_id": id_, "amount": dec(amount), "at": self.at}
        arguments |= {"at_zero": AtZeroPolicy.GRACE if self.limit else AtZeroPolicy.BLOCK, "limit": self.limit}
        done, first = self.run_both(
            "commit", lambda: commit(**arguments), lambda: self.model.commit(name, amount, self.at)
        )
        if done:
            assert commit(**arguments) == first, "a repeat is answered as the first"
        elif self.model.holds.get(name):
            self.holds[name] = id_, held_amount

    @precondition(lambda self: self.holds)
    @rule(which=st.randoms(use_true_random=False))
    def release(self, which):
        name = which.choice(list(self.holds))
        id_, _ = self.holds.pop(name)
        if name not in self.model.holds:  # it has expired and was released already: no error
            release(hold_id=id_, at=self.at)
            return
        self.run_both("release", lambda: release(hold_id=id_, at=self.at), lambda: self.model.release(name))

    @rule(wallet=wallets)
    def expire(self, wallet):
        arguments = {"wallet_id": self.wallets[wallet], "at": self.at, "grace_period": timedelta(0)}
        self.run_both("expire", lambda: expire(**arguments), lambda: self.model.expire(wallet, self.at))

    @precondition(lambda self: self.model.lots)
    @rule(which=st.randoms(use_true_random=False), share=shares, paid=st.booleans())
    def take_out(self, which, share, paid):
        places = [n for n, lot in enumerate(self.model.lots) if lot.free and (not paid or lot.is_paid)]
        if not places:
            return
        place = which.choice(places)
        amount = self.part_of(self.model.lots[place].free, share)
        arguments = {"lot_id": self.rows()[place], "amount": dec(amount), "reference": next(self.names)}
        arguments |= {"reason": "asked for", "at": self.at}
        name, out = ("refund", refund) if paid else ("void", void)
        if self.run_both(name, lambda: out(**arguments), lambda: self.model.remove(place, amount))[0]:
            out(**arguments)

    @precondition(lambda self: any(lot.free for lot in self.model.lots))
    @rule(wallet=wallets)
    def void_all(self, wallet):
        arguments = {"wallet_id": self.wallets[wallet], "reference": next(self.names), "reason": "x", "at": self.at}
        done, first = self.run_both("void all", lambda: void_all(**arguments), lambda: self.model.remove_all(wallet))
        if done:
            assert void_all(**arguments) == first, "a repeat is answered as the first"

    @precondition(lambda self: any(lot.free for lot in self.model.lots))
    @rule(source=wallets, share=shares)
    def transfer(self, source, share):
        lots = [lot for lot in self.model.order(source) if lot.serves(self.at, lot.only_feature)]
        amount = self.part_of(sum((lot.free for lot in lots), Fraction(0)), share)
        arguments = {"from_id": self.wallets[source], "to_id": self.wallets[1 - source], "amount": dec(amount)}
        arguments |= {"reference": next(self.names), "reason": "asked for", "at": self.at}
        done, moved_lots = self.run_both(
            "transfer",
            lambda: transfer(**arguments),
            lambda: self.model.transfer(source, 1 - source, amount, self.at),
        )
        if done:
            assert transfer(**arguments) == moved_lots

    @precondition(lambda self: any(lot.until and lot.remaining for lot in self.model.lots))
    @rule(which=st.randoms(use_true_random=False), more=st.one_of(days, days, st.none()))
    def extend(self, which, more):
        place = which.choice([n for n, lot in enumerate(self.model.lots) if lot.until and lot.remaining])
        until = self.model.lots[place].until + more * DAY if more else None
        arguments = {"lot_id": self.rows()[place], "expires_at": until, "reason": "asked for", "at": self.at}
        self.run_both("extend", lambda: extend(**arguments), lambda: self.model.extend(place, until))

    def available(self, wallet, feature, at):
        """Return the units that can be spent, with the overdraft."""
        lots = self.model.order() if wallet is None else self.model.order(wallet)
        room = self.model.limit - self.model.debt[1 if wallet is None else wallet]
        return sum(
            (lot.free + lot.expired * (at < self.at) for lot in lots if lot.serves(at, feature)), max(room, NONE)
        )

    def part_of(self, available, share):
        """Return a percentage of the available units, in thousandths, or a minimum where available are none."""
        return Fraction(max(int(available * share * 10), 1), 1000)

    def rows(self):
        return list(Lot.objects.filter(wallet__in=self.wallets).order_by("id").values_list("pk", flat=True))

    @invariant()
    def agrees(self):
        if not hasattr(self, "model"):
            return
        rows = Lot.objects.filter(wallet__in=self.wallets).order_by("id")
        real = [(row.remaining, row.held, row.expired) for row in rows]
        model = [(dec(lot.remaining), dec(lot.remaining - lot.free), dec(lot.expired)) for lot in self.model.lots]
        assert real == model
        balances = Wallet.objects.filter(pk__in=self.wallets).order_by("id").values_list("balance", flat=True)
        assert list(balances) == [dec(self.model.balance(n)) for n in (0, 1)]

    def teardown(self):
        try:
            if hasattr(self, "model"):
                assert ledger_violations(self.wallets, -self.limit) == []
                self.count()
        finally:
            transaction.set_rollback(True)
            self.around.__exit__(None, None, None)

    def count(self):
        """Count the kinds of transactions, and how holds ended."""
        ledger_outcomes.update(Transaction.objects.filter(wallet__in=self.wallets).values_list("kind", flat=True))
        ledger_outcomes.update(
            f"hold {state}" for state in Hold.objects.filter(customer=self.customer).values_list("state", flat=True)
        )


def dec(amount):
    whole = Fraction(amount)
    return Decimal(to_plain_string(Decimal(whole.numerator) / Decimal(whole.denominator)))


def ledger_violations(wallets, floor):
    """Return the violations in the ledger of these wallets."""
    with connection.cursor() as cursor:
        cursor.execute(LEDGER, {"wallets": wallets, "floor": floor})
        return cursor.fetchall()


LEDGER = """
SELECT 'transaction is not zero', transaction_id FROM wallets_entry WHERE wallet_id = ANY(%(wallets)s)
GROUP BY 2 HAVING sum(units) <> 0 OR sum(money) <> 0
UNION ALL
SELECT 'balance is not its entries', w.id FROM wallets_wallet w WHERE id = ANY(%(wallets)s) AND (balance, moves) <>
    (SELECT coalesce(sum(units), 0), count(*) FROM wallets_entry e WHERE e.wallet_id = w.id AND account = 'wallet')
UNION ALL
SELECT 'balance after', id FROM (
    SELECT id, balance_after, sum(units) OVER (PARTITION BY wallet_id ORDER BY place) AS running,
        row_number() OVER (PARTITION BY wallet_id ORDER BY place) AS nth, place
    FROM wallets_entry WHERE wallet_id = ANY(%(wallets)s) AND account = 'wallet'
) e WHERE balance_after <> running OR nth <> place
UNION ALL
SELECT 'below the floor', id FROM wallets_transaction WHERE wallet_id = ANY(%(wallets)s) AND balance_after < %(floor)s
UNION ALL
SELECT 'lot is not its entries', l.id FROM wallets_lot l WHERE l.wallet_id = ANY(%(wallets)s) AND remaining <>
    (SELECT coalesce(sum(units), 0) FROM wallets_entry e WHERE e.lot_id = l.id)
UNION ALL
SELECT 'lot cost', l.id FROM wallets_lot l WHERE l.wallet_id = ANY(%(wallets)s) AND remaining = 0 AND
    (SELECT coalesce(sum(money), 0) FROM wallets_entry e WHERE e.lot_id = l.id) <> 0
"""
