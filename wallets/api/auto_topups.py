"""Automatic top-ups of a wallet over HTTP: the rule, and the top-ups made."""

from datetime import timedelta
from typing import Any

from rest_framework import serializers
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request

from customers.customer_time import current_time
from lib.api.field_rules import FieldRule, any_of, one_of
from lib.api.fields import InstantField, RowSerializer, StrictFields
from lib.api.number_fields import AmountField, NumberField
from lib.api.operations import delete, list_rows, put, read_row
from lib.field_types import MAX_MONEY
from wallets.api.wallets import WalletRows
from wallets.auto_topup import CeilingLimits, TopUpRuleRefused, TopUpRuleRequest, remove_rule, set_rule
from wallets.auto_topup.rules import LONGEST_COOLDOWN
from wallets.credit_rules.units import MAX_UNITS, PLACES
from wallets.models import TopUp, TopUpCeiling, TopUpRule, TopUpState
from wallets.models.topups import (
    MAX_DECLINES,
    MAX_PERCENT,
    MAX_TOPUPS,
    CeilingSetter,
    CeilingSpan,
    Payer,
    TopUpBasis,
)

EXAMPLE = {"pack": "credits-100", "percent": "20", "ceilings": [{"set_by": "customer", "span": "month", "most": 5}]}


class CeilingSerializer(StrictFields, serializers.ModelSerializer[TopUpCeiling]):
    """A maximum number of top-ups, or of money with tax, per day or month of the customer's calendar."""

    set_by = serializers.ChoiceField(choices=CeilingSetter.choices, default=CeilingSetter.FINANCE)
    span = serializers.ChoiceField(choices=list(CeilingSpan))
    most = serializers.IntegerField(min_value=0, max_value=MAX_TOPUPS, required=False, allow_null=True)
    most_money = NumberField(most=MAX_MONEY, required=False, allow_null=True)

    rules = (FieldRule(any_of("most", "most_money"), "most", "Send a number of top-ups or an amount."),)

    class Meta:
        model = TopUpCeiling
        fields = ["set_by", "span", "most", "most_money"]


class TopUpRuleSerializer(StrictFields, serializers.Serializer[Any]):
    """The rule by which a wallet is topped up automatically."""

    pack = serializers.CharField(max_length=64)
    threshold = NumberField(
        most=MAX_UNITS,
        places=PLACES,
        required=False,
        allow_null=True,
        help_text="Top up when the balance is below this number of units; alternatively send a percentage"
        " of the pack.",
    )
    percent = NumberField(positive=True, most=MAX_PERCENT, required=False, allow_null=True)
    target = NumberField(
        most=MAX_UNITS,
        places=PLACES,
        required=False,
        allow_null=True,
        help_text="Buy packs until the balance reaches this number of units; default: buy one pack.",
    )
    basis = serializers.ChoiceField(
        choices=list(TopUpBasis),
        default=TopUpBasis.BALANCE,
        help_text="The balance to compare; `ongoing_balance` is for wallets that pay invoices.",
    )
    payer = serializers.ChoiceField(
        choices=list(Payer), default=Payer.INVOICE, help_text="`sandbox` and `declining` are for sandbox customers."
    )
    cooldown_seconds = serializers.IntegerField(
        min_value=0, max_value=int(LONGEST_COOLDOWN.total_seconds()), default=0
    )
    most_declines = serializers.IntegerField(
        min_value=1,
        max_value=MAX_DECLINES,
        default=3,
        help_text="Consecutive declines after which top-ups are switched off.",
    )
    is_on = serializers.BooleanField(default=True)
    ceilings = serializers.ListSerializer[Any](child=CeilingSerializer(), required=False, max_length=4)
    declines = serializers.IntegerField(read_only=True, help_text="Consecutive declines so far.")
    off_reason = serializers.CharField(read_only=True, help_text="Why automatic top-ups were switched off.")

    rules = (
        FieldRule(one_of("threshold", "percent"), "threshold", "Send either a threshold in units or a percentage."),
    )

    def to_representation(self, rule: TopUpRule) -> dict[str, Any]:
        """Return the rule in the API's form."""
        return {
            "is_on": rule.is_on,
            "threshold": self._number(rule.threshold),
            "percent": self._number(rule.percent),
            "pack": rule.pack.code,
            "target": self._number(rule.target),
            "basis": rule.basis,
            "payer": rule.payer,
            "cooldown_seconds": int(rule.cooldown.total_seconds()),
            "most_declines": rule.most_declines,
            "ceilings": CeilingSerializer(rule.ceilings.order_by("set_by", "span"), many=True).data,
            "declines": rule.declines,
            "off_reason": rule.off_reason,
        }

    def _number(self, value: Any) -> str | None:
        return None if value is None else NumberField().to_representation(value)


class TopUpSerializer(RowSerializer[TopUp]):
    """An automatic top-up."""

    balance = NumberField(help_text="Balance that triggered the top-up.")
    amount = AmountField(help_text="Including tax.")
    state = serializers.ChoiceField(choices=list(TopUpState))
    purchase = serializers.IntegerField(source="purchase_id")
    created_at = InstantField()
    settled_at = InstantField(allow_null=True)

    class Meta:
        model = TopUp
        fields = ["id", "purchase", "balance", "amount", "state", "reason", "created_at", "settled_at"]


class TopUpRuleView(WalletRows[TopUpRule]):
    """The rule of one wallet."""

    queryset = TopUpRule.objects.select_related("pack")
    serializer_class = TopUpRuleSerializer

    def get_object(self) -> TopUpRule:
        """
        Return the wallet's rule.

        :raises Http404: if it has none.
        """
        rule: TopUpRule = get_object_or_404(self.get_queryset())
        return rule

    read = read_row("get_topup_rule", "Read a wallet's automatic top-ups")

    @put(
        "set_topup_rule",
        "Set a wallet's automatic top-ups",
        "Replaces the whole rule; omitted fields get their default. The wallet is topped up when its balance is"
        " strictly below the threshold, one top-up at a time, within every ceiling; a customer's ceilings can't"
        " exceed finance's. Setting the rule resets the declines and enables it, unless `is_on` is false.",
        request=TopUpRuleSerializer,
        refusals={TopUpRuleRefused: ("unprocessable", "refused")},
        examples={"Buy a pack below 20% of it": EXAMPLE},
    )
    def replace(self, request: Request, wallet: int) -> TopUpRule:
        owner = self.owner
        set_rule(wallet_id=owner.pk, request=_rule_request(self.read_body()), at=current_time(owner.customer))
        return self.get_object()

    @delete("remove_topup_rule", "Remove a wallet's automatic top-ups")
    def remove(self, request: Request, wallet: int) -> None:
        rule = self.get_object()
        remove_rule(wallet_id=rule.wallet_id, at=current_time(self.owner.customer))


def _rule_request(fields: dict[str, Any]) -> TopUpRuleRequest:
    cooldown = timedelta(seconds=fields.pop("cooldown_seconds"))
    ceilings = [CeilingLimits(**ceiling) for ceiling in fields.pop("ceilings", ())]
    return TopUpRuleRequest(**fields, cooldown=cooldown, ceilings=ceilings)


class TopUpsView(WalletRows[TopUp]):
    """The automatic top-ups of a wallet."""

    queryset = TopUp.objects.all()
    serializer_class = TopUpSerializer

    list_all = list_rows("list_topups", "List a wallet's automatic top-ups, newest first")
