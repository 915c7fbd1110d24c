"""Find wallets that are below their threshold, and buy for them."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection

from customers.customer_time import of_clock
from lib.audit_log import change
from lib.failpoints import reached
from wallets.auto_topup.ceilings import free_again
from wallets.auto_topup.settlement import answer, end, follow, switch_off
from wallets.credit_rules.topup_rule import has_cooled, is_due, packs_to, threshold_of, units_to
from wallets.models import Purchase, PurchaseState, TopUp, TopUpRule, TopUpState, Wallet
from wallets.purchases import CannotBuy, Order, buy

AT_ONCE = 200

# Few wallets have a rule that is on: these are gone through, and no others. What a ceiling holds back is left alone.
_DUE = """
SELECT r.wallet_id FROM wallets_topuprule r
JOIN wallets_wallet w ON w.id = r.wallet_id JOIN plans_creditpack p ON p.id = r.pack_id
WHERE r.is_on AND w.closed_at IS NULL AND w.balance < coalesce(r.threshold, r.percent * p.units / 100)
    AND (r.quiet_until IS NULL OR r.quiet_until <= %(at)s)
    AND NOT EXISTS (SELECT FROM wallets_topup t WHERE t.wallet_id = w.id AND t.state = 'pending')
"""


@dataclass(slots=True)
class Looked:
    """bought: top-ups that were made. settled: those that a payer, or a payment, has settled since."""

    bought: int = 0
    settled: int = 0


def sweep(*, at: datetime, clock: int | None = None, keep_going: Callable[[], bool] = lambda: True) -> Looked:
    """
    Settle what is pending as far as is known, and top up what is due; harmless to run twice, or at once.

    clock: of customers in this test clock's time; in real time for None.
    A wallet that is still below its threshold afterwards is looked at again by the next sweep.
    """
    done = Looked(settled=follow(at=at, clock=clock))
    for wallet_id in _due(at, f" AND {of_clock(clock, 'w.customer_id')}"):
        if not keep_going():
            break
        done.bought += top_up(wallet_id=wallet_id, at=at) is not None
    return done


def look(*, wallet_ids: Collection[int], at: datetime) -> int:
    """
    Top up those of these wallets that are due, and return how many were; for whoever has just taken from them.

    To be called after that is committed: what it takes does not depend on the top-up.
    """
    if not wallet_ids:
        return 0
    due = _due(at, " AND w.id = ANY(%(of)s)", wallet_ids)
    return sum(top_up(wallet_id=id_, at=at) is not None for id_ in due)


def _due(at: datetime, only: str, of: Collection[int] = ()) -> list[int]:
    with connection.cursor() as cursor:
        parameters = {"at": at, "most": AT_ONCE, "of": list(of)}
        cursor.execute(f"{_DUE}{only} ORDER BY r.wallet_id LIMIT %(most)s", parameters)
        return [id_ for (id_,) in cursor.fetchall()]


def top_up(*, wallet_id: int, at: datetime) -> TopUp | None:
    """
    Buy for one wallet, if it is below its threshold, none of its top-ups is pending, and every ceiling allows it.

    What its payer answers at once is settled at once. None if nothing was bought.
    """
    with change("top up", by=None, at=at, wallet=wallet_id):
        rule = _held(wallet_id)
        topup = None if rule is None else _buy(rule, at)
        reached("topup.before_commit")
    if topup is not None and rule is not None and topup.state == TopUpState.PENDING:
        answer(topup, rule.payer, at=at)
        topup.refresh_from_db()
    return topup


class _Held(Exception):
    """A ceiling does not allow it; until: when it may again."""

    def __init__(self, until: datetime) -> None:
        super().__init__()
        self.until = until


def _held(wallet_id: int) -> TopUpRule | None:
    """Return the rule under its lock, so that ceilings hold whoever tops up at the same moment."""
    rows = TopUpRule.objects.select_for_update(no_key=True, of=("self",)).select_related("pack")
    return rows.filter(wallet=wallet_id, is_on=True, wallet__closed_at__isnull=True).first()


def _buy(rule: TopUpRule, at: datetime) -> TopUp | None:
    wallet = Wallet.objects.select_for_update(no_key=True, of=("self",)).get(pk=rule.wallet_id)
    own = TopUp.objects.filter(wallet=wallet)
    if not is_due(wallet.balance, threshold(rule)) or own.filter(state=TopUpState.PENDING).exists():
        return None
    last = own.order_by("-created_at").values_list("created_at", flat=True).first()
    if last is not None and not has_cooled(last, rule.cooldown, at):
        TopUpRule.objects.filter(pk=rule.pk).update(quiet_until=last + rule.cooldown)
        return None
    try:
        # Bought first, since only then it is known what it comes to with tax; all is undone if that is too much.
        with change("top up", by=None, at=at):
            purchase = buy(wallet_id=wallet.pk, order=_order(rule, wallet, own.count()), at=at)
            amount = purchase.invoice.total.amount
            if (until := free_again(rule, amount, at=at)) is not None:
                raise _Held(until)
    except _Held as held:
        TopUpRule.objects.filter(pk=rule.pk).update(quiet_until=held.until)
        return None
    except CannotBuy as refused:
        switch_off(rule, str(refused), at=at)
        return None
    return _write(wallet, purchase, amount, at)


def threshold(rule: TopUpRule) -> Decimal:
    """Return the balance below which a rule tops up."""
    if rule.threshold is not None:
        return rule.threshold
    return threshold_of(rule.percent or Decimal(0), rule.pack.units or Decimal(0))


def _order(rule: TopUpRule, wallet: Wallet, place: int) -> Order:
    pack, reference = rule.pack, f"topup:{rule.pk}:{place}"
    if pack.units is not None:
        return Order(pack.code, reference, packs=packs_to(rule.target, wallet.balance, pack.units))
    least, most = pack.least_units or Decimal(0), pack.most_units or Decimal(0)
    return Order(pack.code, reference, units=units_to(rule.target or least, wallet.balance, least=least, most=most))


def _write(wallet: Wallet, purchase: Purchase, amount: Decimal, at: datetime) -> TopUp:
    topup = TopUp.objects.create(
        wallet=wallet,
        purchase=purchase,
        balance=wallet.balance,
        amount=amount,
        currency=wallet.currency,
        created_at=at,
    )
    if purchase.state == PurchaseState.GRANTED:
        end(topup, TopUpState.PAID, at=at)
    return topup
