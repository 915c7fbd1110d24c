"""Find wallets below their threshold, and buy for them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection

from customers.customer_time import clock_sql
from lib.audit_log import audited_transaction
from lib.failpoints import hit_failpoint
from lib.queue import NO_DEADLINE, Deadline
from wallets.auto_topup.ceilings import next_allowed_at
from wallets.auto_topup.settlement import finish, request_payment, settle_pending, switch_off
from wallets.credit_rules.topup_rule import (
    is_cooldown_over,
    is_due,
    packs_to_reach,
    threshold_from_percent,
    units_to_reach,
)
from wallets.ledger.ongoing_balance import read_ongoing_balances
from wallets.models import Purchase, PurchaseState, TopUp, TopUpRule, TopUpState, Wallet
from wallets.models.topups import TopUpBasis
from wallets.purchases import PackOrder, PurchaseRefused, buy

# Wallets per run, each in a transaction of its own; the rest stays due.
BATCH_SIZE = 200

# An ongoing balance takes a rating of the customer's usage, so it is read once in this time.
ONGOING_INTERVAL = timedelta(minutes=1)

# Starts from the few active rules. `quiet_until` spares wallets that a ceiling or the cooldown holds back. An ongoing
# balance is at most the balance, and is read for one wallet at a time.
_DUE_WALLETS = """
SELECT r.wallet_id FROM wallets_topuprule r
JOIN wallets_wallet w ON w.id = r.wallet_id JOIN plans_creditpack p ON p.id = r.pack_id
WHERE r.is_on AND w.closed_at IS NULL
    AND (r.basis = 'ongoing_balance' OR w.balance < coalesce(r.threshold, r.percent * p.units / 100))
    AND (r.quiet_until IS NULL OR r.quiet_until <= %(at)s)
    AND NOT EXISTS (SELECT FROM wallets_topup t WHERE t.wallet_id = w.id AND t.state = 'pending')
"""


@dataclass(slots=True)
class TopUpRun:
    """Counts of a run. bought: top-ups made. settled: pending top-ups that were settled."""

    bought: int = 0
    settled: int = 0


def run_topups(*, at: datetime, clock_id: int | None = None, deadline: Deadline = NO_DEADLINE) -> TopUpRun:
    """
    Settle pending top-ups as far as their outcome is known, and top up due wallets. Safe to repeat and to run
    concurrently.

    clock_id: limit to customers on this test clock; None means real time.

    A wallet that is still below its threshold afterwards is checked again by the next run.
    """
    run = TopUpRun(settled=settle_pending(at=at, clock_id=clock_id))
    for wallet_id in deadline.limit(_read_due(at, f" AND {clock_sql(clock_id, 'w.customer_id')}")):
        run.bought += top_up(wallet_id=wallet_id, at=at) is not None
    return run


def top_up_wallets(*, wallet_ids: Collection[int], at: datetime) -> int:
    """
    Top up those of these wallets that are due, and return how many; called by operations that have just spent from
    them.

    Call it after the spend is committed, because the spend must not depend on the top-up.
    """
    if not wallet_ids:
        return 0
    due = _read_due(at, " AND w.id = ANY(%(of)s)", wallet_ids)
    return sum(top_up(wallet_id=wallet_id, at=at) is not None for wallet_id in due)


def _read_due(at: datetime, condition: str, wallet_ids: Collection[int] = ()) -> list[int]:
    with connection.cursor() as cursor:
        parameters: dict[str, datetime | int | list[int]] = {"at": at, "most": BATCH_SIZE, "of": list(wallet_ids)}
        cursor.execute(f"{_DUE_WALLETS}{condition} ORDER BY r.wallet_id LIMIT %(most)s", parameters)
        return [wallet_id for (wallet_id,) in cursor.fetchall()]


def top_up(*, wallet_id: int, at: datetime) -> TopUp | None:
    """
    Buy for one wallet if it is below its threshold, has no pending top-up, and every ceiling allows it; None if
    nothing was bought.

    An immediate answer of the payer is settled at once.
    """
    with audited_transaction("top up", by=None, at=at, wallet=wallet_id):
        rule = _lock_active_rule(wallet_id)
        topup = None if rule is None else _buy(rule, at)
        hit_failpoint("topup.before_commit")
    if topup is not None and rule is not None and topup.state == TopUpState.PENDING:
        request_payment(topup, rule.payer, at=at)
        topup.refresh_from_db()
    return topup


class _CeilingReached(Exception):
    """A ceiling doesn't allow the top-up. until: when it may allow one again."""

    def __init__(self, until: datetime) -> None:
        super().__init__()
        self.until = until


def _lock_active_rule(wallet_id: int) -> TopUpRule | None:
    """Lock the rule and return it, so that concurrent top-ups can't exceed a ceiling together; None if it is off."""
    rows = TopUpRule.objects.select_for_update(no_key=True, of=("self",)).select_related("pack")
    return rows.filter(wallet=wallet_id, is_on=True, wallet__closed_at__isnull=True).first()


def _buy(rule: TopUpRule, at: datetime) -> TopUp | None:
    # Wallet lock after the rule's: spends wait, so that the balance stays as compared with the threshold.
    wallet = Wallet.objects.select_for_update(no_key=True, of=("self",)).get(pk=rule.wallet_id)
    topups = TopUp.objects.filter(wallet=wallet)
    balance = _measured_balance(rule, wallet, at)
    if not is_due(balance, threshold_units(rule)):
        if rule.basis == TopUpBasis.ONGOING:
            TopUpRule.objects.filter(pk=rule.pk).update(quiet_until=at + ONGOING_INTERVAL)
        return None
    if topups.filter(state=TopUpState.PENDING).exists():
        return None
    last_topup_at = topups.order_by("-created_at").values_list("created_at", flat=True).first()
    if last_topup_at is not None and not is_cooldown_over(last_topup_at, rule.cooldown, at):
        # The next runs skip the rule until then.
        TopUpRule.objects.filter(pk=rule.pk).update(quiet_until=last_topup_at + rule.cooldown)
        return None
    try:
        # Bought first, because the total with tax is only known then; if a ceiling is exceeded, the purchase is
        # rolled back.
        with audited_transaction("top up", by=None, at=at):
            purchase = buy(wallet_id=wallet.pk, order=_order(rule, balance, topups.count()), at=at)
            amount = purchase.invoice.total.amount
            if (until := next_allowed_at(rule, amount, at=at)) is not None:
                raise _CeilingReached(until)
    except _CeilingReached as ceiling_reached:
        TopUpRule.objects.filter(pk=rule.pk).update(quiet_until=ceiling_reached.until)
        return None
    except PurchaseRefused as refused:
        switch_off(rule, str(refused), at=at)
        return None
    return _write_topup(wallet, balance, purchase, amount, at)


def _measured_balance(rule: TopUpRule, wallet: Wallet, at: datetime) -> Decimal:
    """Return the balance that a rule compares; a wallet that no longer pays invoices has no other than its own."""
    if rule.basis == TopUpBasis.ONGOING:
        return read_ongoing_balances([wallet], at=at).get(wallet.pk, wallet.balance)
    return wallet.balance


def threshold_units(rule: TopUpRule) -> Decimal:
    """Return the balance below which a rule tops up, in units."""
    if rule.threshold is not None:
        return rule.threshold
    return threshold_from_percent(rule.percent or Decimal(0), rule.pack.units or Decimal(0))


def _order(rule: TopUpRule, balance: Decimal, number: int) -> PackOrder:
    pack, reference = rule.pack, f"topup:{rule.pk}:{number}"
    if pack.units is not None:
        return PackOrder(pack.code, reference, packs=packs_to_reach(rule.target, balance, pack.units))
    least, most = pack.least_units or Decimal(0), pack.most_units or Decimal(0)
    return PackOrder(
        pack.code, reference, units=units_to_reach(rule.target or least, balance, least=least, most=most)
    )


def _write_topup(wallet: Wallet, balance: Decimal, purchase: Purchase, amount: Decimal, at: datetime) -> TopUp:
    topup = TopUp.objects.create(
        wallet=wallet,
        purchase=purchase,
        balance=balance,
        amount=amount,
        currency=wallet.currency,
        created_at=at,
    )
    if purchase.state == PurchaseState.GRANTED:
        finish(topup, TopUpState.PAID, at=at)
    return topup
