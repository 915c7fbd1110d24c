"""Say when a wallet is topped up by itself, by how much, and within which ceilings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import AbstractBaseUser

from lib.audit_log import change
from plans.models import CreditPack
from plans.models.packs import PackUnit
from wallets.models import TopUpCeiling, TopUpRule, Wallet
from wallets.models.topups import MOST_DECLINES, CeilingSetter, Payer
from wallets.models.wallets import CREDITS
from wallets.operations.notifications import tell_wallet

LONGEST_COOLDOWN = timedelta(days=366)


class CannotRule(Exception):
    """A rule cannot be set as asked; the text says why and what to do. field: which of its figures it is."""

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class Limits:
    """A ceiling: so many top-ups, or so much money with tax, in a day or a month; None where it is not limited."""

    set_by: str
    span: str
    most: int | None = None
    most_money: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a rule is to say: see `TopUpRule`. percent: of the pack, in place of a threshold in units."""

    pack: str
    threshold: Decimal | None = None
    percent: Decimal | None = None
    target: Decimal | None = None
    payer: str = Payer.INVOICE
    cooldown: timedelta = timedelta(0)
    most_declines: int = 3
    is_on: bool = True
    ceilings: Sequence[Limits] = ()


def set_rule(*, wallet_id: int, asked: Asked, at: datetime, by: AbstractBaseUser | None = None) -> TopUpRule:
    """
    Set how a wallet is topped up by itself; the rule before it is replaced, and what was declined is forgotten.

    :raises CannotRule: if something does not fit; the text says what.
    """
    with change("set top-up rule", by=by, at=at, wallet=wallet_id):
        wallet = Wallet.objects.select_related("customer").get(pk=wallet_id)
        pack = _check(wallet, asked)
        _check_ceilings(asked.ceilings)
        rule, _ = TopUpRule.objects.select_for_update(no_key=True).update_or_create(
            wallet=wallet,
            defaults={
                "pack": pack,
                **{name: getattr(asked, name) for name in ("threshold", "percent", "target", "payer", "cooldown")},
                "most_declines": asked.most_declines,
                "is_on": asked.is_on,
                "declines": 0,
                "off_reason": "",
                "quiet_until": None,
            },
        )
        rule.ceilings.all().delete()
        TopUpCeiling.objects.bulk_create(
            TopUpCeiling(rule=rule, set_by=one.set_by, span=one.span, most=one.most, most_money=one.most_money)
            for one in asked.ceilings
        )
        tell_wallet("updated", wallet, at=at, mark="topup", changed="topup_rule")
        return rule


def _check(wallet: Wallet, asked: Asked) -> CreditPack:
    if wallet.closed_at is not None:
        raise CannotRule("The wallet is closed.", field="wallet")
    pack = CreditPack.objects.filter(code=asked.pack, archived_at__isnull=True).first()
    unit = PackUnit.CREDITS if wallet.unit == CREDITS else PackUnit.MONEY
    if pack is None or pack.unit != unit or not pack.prices.filter(currency=wallet.currency).exists():
        raise CannotRule(f"“{asked.pack}” is not sold into this wallet: choose a pack that is.", field="pack")
    if (asked.threshold is None) == (asked.percent is None):
        raise CannotRule("Say below which balance: in units, or in percent of the pack.", field="threshold")
    if pack.units is None and asked.percent is not None:
        raise CannotRule(f"{pack} is sold unit by unit: say the threshold in units.", field="percent")
    if pack.units is None and asked.target is None:
        raise CannotRule(f"{pack} is sold unit by unit: say how far to fill up the wallet.", field="target")
    if asked.payer not in Payer.values:
        raise CannotRule(f"“{asked.payer}” pays for nobody: choose one of {', '.join(Payer.values)}.", field="payer")
    if asked.payer in (Payer.SANDBOX, Payer.DECLINING) and not wallet.customer.sandbox:
        raise CannotRule("Only a sandbox customer is paid for by the sandbox.", field="payer")
    if not timedelta(0) <= asked.cooldown <= LONGEST_COOLDOWN:
        raise CannotRule("A cooldown lasts a year at most.", field="cooldown")
    if not 1 <= asked.most_declines <= MOST_DECLINES:
        raise CannotRule(f"It is switched off after 1 to {MOST_DECLINES} declines.", field="most_declines")
    return pack


def _check_ceilings(ceilings: Sequence[Limits]) -> None:
    """Refuse a customer's ceiling above finance's of the same span, and one that is set twice."""
    known = {(one.set_by, one.span): one for one in ceilings}
    if len(known) != len(ceilings):
        raise CannotRule("Each side sets one ceiling for a day and one for a month.", field="ceilings")
    for (set_by, span), one in known.items():
        if one.most is None and one.most_money is None:
            raise CannotRule("A ceiling says how many top-ups, or how much money.", field="ceilings")
        finance = known.get((CeilingSetter.FINANCE, span))
        if set_by == CeilingSetter.CUSTOMER and finance is not None:
            _check_below(one.most, finance.most)
            _check_below(one.most_money, finance.most_money)


def _check_below(own: Decimal | int | None, finance: Decimal | int | None) -> None:
    if own is not None and finance is not None and own > finance:
        raise CannotRule(
            f"Finance allows {finance} at most: the customer's own ceiling is no more.", field="ceilings"
        )


def remove_rule(*, wallet_id: int, at: datetime, by: AbstractBaseUser | None = None) -> None:
    """Top a wallet up no more; what is pending is still paid or canceled, and its history stays."""
    with change("remove top-up rule", by=by, at=at, wallet=wallet_id):
        if TopUpRule.objects.filter(wallet=wallet_id).delete()[0]:
            tell_wallet(
                "updated", Wallet.objects.get(pk=wallet_id), at=at, mark="topup_removed", changed="topup_rule"
            )


def switch_on(*, wallet_id: int, at: datetime, by: AbstractBaseUser | None = None) -> None:
    """Go on after declines, or whatever has switched it off; the declines are forgotten."""
    with change("switch top-up rule on", by=by, at=at, wallet=wallet_id):
        TopUpRule.objects.filter(wallet=wallet_id).update(is_on=True, declines=0, off_reason="", quiet_until=None)
