"""Set the rule of a wallet's automatic top-ups: threshold, amount and ceilings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from lib.audit_log import audited_transaction
from plans.models import CreditPack
from plans.models.packs import PackUnit
from wallets.ledger.notifications import announce_wallet_event
from wallets.models import TopUpCeiling, TopUpRule, Wallet
from wallets.models.field_types import MAX_UNITS
from wallets.models.topups import MAX_DECLINES, MAX_PERCENT, CeilingSetter, Payer, TopUpBasis
from wallets.models.wallets import CREDITS

# A year, leap or not.
LONGEST_COOLDOWN = timedelta(days=366)


class TopUpRuleRefused(Exception):
    """The rule can't be set like this; the text gives the reason and the remedy. field: the field at fault."""

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class CeilingLimits:
    """A ceiling: a maximum number of top-ups, or of money with tax, per day or month; None for no limit."""

    set_by: str
    span: str
    most: int | None = None
    most_money: Decimal | None = None


@dataclass(frozen=True, slots=True)
class TopUpRuleRequest:
    """The rule to set: see `TopUpRule`. percent: of the pack, in place of a threshold in units."""

    pack: str
    threshold: Decimal | None = None
    percent: Decimal | None = None
    target: Decimal | None = None
    basis: str = TopUpBasis.BALANCE
    payer: str = Payer.INVOICE
    cooldown: timedelta = timedelta(0)
    most_declines: int = 3
    is_on: bool = True
    ceilings: Sequence[CeilingLimits] = ()


def set_rule(*, wallet_id: int, request: TopUpRuleRequest, at: datetime, by: User | None = None) -> TopUpRule:
    """
    Set the rule of a wallet; it replaces the previous rule, and the count of declines starts over.

    :raises TopUpRuleRefused: if a field doesn't fit; the text says which and why.
    """
    with audited_transaction("set top-up rule", by=by, at=at, wallet=wallet_id):
        wallet = Wallet.objects.select_related("customer").get(pk=wallet_id)
        pack = _check_request(wallet, request)
        _check_ceilings(request.ceilings)
        # Row lock: a top-up run that reads the rule at the same time finishes first, or sees the new rule.
        rule, _created = TopUpRule.objects.select_for_update(no_key=True).update_or_create(
            wallet=wallet,
            defaults={
                "pack": pack,
                **{
                    name: getattr(request, name)
                    for name in ("threshold", "percent", "target", "basis", "payer", "cooldown")
                },
                "most_declines": request.most_declines,
                "is_on": request.is_on,
                "declines": 0,
                "off_reason": "",
                # The new rule is checked at once, even if a ceiling or the cooldown held the former one back.
                "quiet_until": None,
            },
        )
        rule.ceilings.all().delete()
        TopUpCeiling.objects.bulk_create(
            TopUpCeiling(
                rule=rule, set_by=ceiling.set_by, span=ceiling.span, most=ceiling.most, most_money=ceiling.most_money
            )
            for ceiling in request.ceilings
        )
        announce_wallet_event("updated", wallet, at=at, key_suffix="topup", changed="topup_rule")
        return rule


def _check_numbers(request: TopUpRuleRequest) -> None:
    if request.percent is not None and not 0 < request.percent <= MAX_PERCENT:
        text = _("Enter a percentage above 0 and up to %(most)s.")
        raise TopUpRuleRefused(text % {"most": f"{MAX_PERCENT:,}"}, field="percent")
    for name in ("threshold", "target"):
        units = getattr(request, name)
        if units is not None and not 0 <= units <= MAX_UNITS:
            text = _("Enter a number of units from 0 to %(most)s.")
            raise TopUpRuleRefused(text % {"most": f"{MAX_UNITS:,}"}, field=name)


def _check_request(wallet: Wallet, request: TopUpRuleRequest) -> CreditPack:
    if wallet.closed_at is not None:
        raise TopUpRuleRefused(_("The wallet is closed."), field="wallet")
    pack = CreditPack.objects.filter(code=request.pack, archived_at__isnull=True).first()
    unit = PackUnit.CREDITS if wallet.unit == CREDITS else PackUnit.MONEY
    if pack is None or pack.unit != unit or not pack.prices.filter(currency=wallet.currency).exists():
        text = _("“%(pack)s” is not on sale for this wallet. Choose another pack.")
        raise TopUpRuleRefused(text % {"pack": request.pack}, field="pack")
    if (request.threshold is None) == (request.percent is None):
        raise TopUpRuleRefused(_("Enter a threshold, either in units or in percent of the pack."), field="threshold")
    _check_numbers(request)
    if pack.units is None and request.percent is not None:
        text = _("%(pack)s has no fixed size. Enter the threshold in units.")
        raise TopUpRuleRefused(text % {"pack": pack}, field="percent")
    if pack.units is None and request.target is None:
        text = _("%(pack)s has no fixed size. Enter the balance to reach.")
        raise TopUpRuleRefused(text % {"pack": pack}, field="target")
    if request.basis not in TopUpBasis.values:
        text = _("“%(basis)s” is not a balance. Choose one of these: %(balances)s.")
        names = {"basis": request.basis, "balances": ", ".join(TopUpBasis.values)}
        raise TopUpRuleRefused(text % names, field="basis")
    if request.basis == TopUpBasis.ONGOING and not wallet.pays_invoices:
        raise TopUpRuleRefused(_("Only a wallet that pays invoices has an ongoing balance."), field="basis")
    if request.payer not in Payer.values:
        text = _("“%(payer)s” is not a payer. Choose one of these: %(payers)s.")
        raise TopUpRuleRefused(text % {"payer": request.payer, "payers": ", ".join(Payer.values)}, field="payer")
    if request.payer in (Payer.SANDBOX, Payer.DECLINING) and not wallet.customer.sandbox:
        raise TopUpRuleRefused(_("The sandbox pays for sandbox customers only."), field="payer")
    if not timedelta(0) <= request.cooldown <= LONGEST_COOLDOWN:
        raise TopUpRuleRefused(_("The cooldown can last at most a year."), field="cooldown")
    if not 1 <= request.most_declines <= MAX_DECLINES:
        text = _("The number of declines must be from 1 to %(most)s.")
        raise TopUpRuleRefused(text % {"most": MAX_DECLINES}, field="most_declines")
    return pack


def _check_ceilings(ceilings: Sequence[CeilingLimits]) -> None:
    """Reject a customer's ceiling above finance's for the same span, and a ceiling that is set twice."""
    ceilings_by_key = {(ceiling.set_by, ceiling.span): ceiling for ceiling in ceilings}
    if len(ceilings_by_key) != len(ceilings):
        raise TopUpRuleRefused(_("Set at most one limit for a day and one for a month."), field="ceilings")
    for (set_by, span), ceiling in ceilings_by_key.items():
        if ceiling.most is None and ceiling.most_money is None:
            raise TopUpRuleRefused(_("A limit needs a number of top-ups or an amount."), field="ceilings")
        finance = ceilings_by_key.get((CeilingSetter.FINANCE, span))
        if set_by == CeilingSetter.CUSTOMER and finance is not None:
            _check_not_above(ceiling.most, finance.most)
            _check_not_above(ceiling.most_money, finance.most_money)


def _check_not_above(own: Decimal | int | None, finance: Decimal | int | None) -> None:
    if own is not None and finance is not None and own > finance:
        text = _("The customer’s own limit can’t exceed %(most)s, the limit set by the provider.")
        raise TopUpRuleRefused(text % {"most": finance}, field="ceilings")


def remove_rule(*, wallet_id: int, at: datetime, by: User | None = None) -> None:
    """Stop automatic top-ups of a wallet; a pending top-up is still paid or canceled, and the history stays."""
    with audited_transaction("remove top-up rule", by=by, at=at, wallet=wallet_id):
        if TopUpRule.objects.filter(wallet=wallet_id).delete()[0]:
            announce_wallet_event(
                "updated", Wallet.objects.get(pk=wallet_id), at=at, key_suffix="topup_removed", changed="topup_rule"
            )


def switch_on(*, wallet_id: int, at: datetime, by: User | None = None) -> None:
    """Enable a rule again, no matter why it was disabled; the count of declines starts over."""
    with audited_transaction("enable top-up rule", by=by, at=at, wallet=wallet_id):
        TopUpRule.objects.filter(wallet=wallet_id).update(is_on=True, declines=0, off_reason="", quiet_until=None)
