"""Automatic top-ups of a wallet over HTTP: the rule, and the top-ups made."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from customers.customer_time import current_time
from lib.api.fields import InstantField, StrictFields
from lib.api.number_fields import AmountField, NumberField
from lib.api.problems import Problem
from wallets.auto_topup import CeilingLimits, TopUpRuleRefused, TopUpRuleRequest, remove_rule, set_rule
from wallets.auto_topup.rules import LONGEST_COOLDOWN
from wallets.models import TopUp, TopUpCeiling, TopUpRule, TopUpState, Wallet
from wallets.models.topups import MAX_DECLINES, MAX_TOPUPS, CeilingSetter, CeilingSpan, Payer

EXAMPLE = OpenApiExample(
    "A pack below 20 % of it",
    {"pack": "credits-100", "percent": "20", "ceilings": [{"set_by": "customer", "span": "month", "most": 5}]},
    request_only=True,
)


class CeilingSerializer(StrictFields, serializers.ModelSerializer[TopUpCeiling]):
    """A maximum number of top-ups, or of money with tax, per day or month of the customer's calendar."""

    set_by = serializers.ChoiceField(choices=CeilingSetter.choices, default=CeilingSetter.FINANCE)
    span = serializers.ChoiceField(choices=CeilingSpan)
    most = serializers.IntegerField(min_value=0, max_value=MAX_TOPUPS, required=False, allow_null=True)
    most_money = NumberField(required=False, allow_null=True)

    class Meta:
        model = TopUpCeiling
        fields = ["set_by", "span", "most", "most_money"]


class TopUpRuleSerializer(StrictFields, serializers.Serializer[Any]):
    """The rule by which a wallet is topped up automatically."""

    pack = serializers.CharField(max_length=64)
    threshold = NumberField(
        required=False, allow_null=True, help_text="Strictly below so many units; or give a percentage of the pack."
    )
    percent = NumberField(required=False, allow_null=True)
    target = NumberField(
        required=False, allow_null=True, help_text="Fill it up to so many units, at least; default: buy one pack."
    )
    payer = serializers.ChoiceField(
        choices=Payer, default=Payer.INVOICE, help_text="`sandbox` and `declining` are for sandbox customers."
    )
    cooldown_seconds = serializers.IntegerField(
        min_value=0, max_value=int(LONGEST_COOLDOWN.total_seconds()), default=0
    )
    most_declines = serializers.IntegerField(
        min_value=1, max_value=MAX_DECLINES, default=3, help_text="Declines in a row that switch it off."
    )
    is_on = serializers.BooleanField(default=True)
    ceilings = CeilingSerializer(many=True, required=False, max_length=4)
    declines = serializers.IntegerField(read_only=True, help_text="In a row, so far.")
    off_reason = serializers.CharField(read_only=True, help_text="What has switched it off.")

    def to_representation(self, rule: TopUpRule) -> dict[str, Any]:
        """Return the rule in the API's form."""
        return {
            "is_on": rule.is_on,
            "threshold": self._number(rule.threshold),
            "percent": self._number(rule.percent),
            "pack": rule.pack.code,
            "target": self._number(rule.target),
            "payer": rule.payer,
            "cooldown_seconds": int(rule.cooldown.total_seconds()),
            "most_declines": rule.most_declines,
            "ceilings": CeilingSerializer(rule.ceilings.order_by("set_by", "span"), many=True).data,
            "declines": rule.declines,
            "off_reason": rule.off_reason,
        }

    def _number(self, value: Any) -> str | None:
        return None if value is None else NumberField().to_representation(value)


class TopUpSerializer(serializers.ModelSerializer[TopUp]):
    """An automatic top-up."""

    balance = NumberField(help_text="What it held when that was too little.")
    amount = AmountField(source="money", help_text="With tax.")
    state = serializers.ChoiceField(choices=TopUpState)
    purchase = serializers.IntegerField(source="purchase_id")
    created_at = InstantField()
    settled_at = InstantField(allow_null=True)

    class Meta:
        model = TopUp
        fields = ["id", "purchase", "balance", "amount", "state", "reason", "created_at", "settled_at"]
        read_only_fields = fields


class OfWallet(generics.GenericAPIView[Any]):
    """Base of views about one wallet visible to the caller."""

    def wallet(self) -> Wallet:
        """
        Return the wallet of the address.

        :raises Http404: if the caller sees no such wallet.
        """
        visible = Wallet.objects.filter(customer__sandbox=self.request.user.sandbox)
        return generics.get_object_or_404(visible, pk=self.kwargs["wallet"])


class TopUpRuleView(OfWallet):
    """The rule of one wallet."""

    required_scopes = {"GET": "read", "PUT": "manage", "DELETE": "manage"}
    problems = {"PUT": ["unprocessable"]}
    serializer_class = TopUpRuleSerializer

    def get_object(self) -> TopUpRule:
        """
        Return the wallet's rule.

        :raises Http404: if it has none.
        """
        return generics.get_object_or_404(TopUpRule.objects.select_related("pack"), wallet=self.wallet())

    @extend_schema(operation_id="get_topup_rule", summary="Read how a wallet is topped up by itself")
    def get(self, request: Request, wallet: int) -> Response:
        return Response(TopUpRuleSerializer(self.get_object()).data)

    @extend_schema(
        operation_id="set_topup_rule",
        summary="Set how a wallet is topped up by itself",
        description="All of it: what is left out has its default. It is bought when the balance is strictly below the"
        " threshold, one top-up at a time, within every ceiling; the customer's own are never above finance's."
        " Setting it forgets declines, and switches it on unless told otherwise.",
        examples=[EXAMPLE],
    )
    def put(self, request: Request, wallet: int) -> Response:
        owner = self.wallet()
        serializer = TopUpRuleSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            set_rule(
                wallet_id=owner.pk, request=_rule_request(serializer.validated_data), at=current_time(owner.customer)
            )
        except TopUpRuleRefused as refused:
            errors = [{"field": refused.field, "code": "refused", "detail": str(refused)}]
            raise Problem("unprocessable", str(refused), errors=errors) from refused
        return Response(TopUpRuleSerializer(self.get_object()).data)

    @extend_schema(operation_id="remove_topup_rule", summary="Top a wallet up no more", responses={204: None})
    def delete(self, request: Request, wallet: int) -> Response:
        rule = self.get_object()
        remove_rule(wallet_id=rule.wallet_id, at=current_time(rule.wallet.customer))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _rule_request(fields: dict[str, Any]) -> TopUpRuleRequest:
    plain = {name: fields[name] for name in ("threshold", "percent", "target") if name in fields}
    return TopUpRuleRequest(
        pack=fields["pack"],
        cooldown=timedelta(seconds=fields["cooldown_seconds"]),
        ceilings=[CeilingLimits(**ceiling) for ceiling in fields.get("ceilings", ())],
        **plain,
        **{name: fields[name] for name in ("payer", "most_declines", "is_on")},
    )


class TopUpsView(OfWallet, generics.ListAPIView[TopUp]):
    """The automatic top-ups of a wallet."""

    required_scopes = {"GET": "read"}
    serializer_class = TopUpSerializer

    def get_queryset(self) -> QuerySet[TopUp]:
        """Return the wallet's top-ups."""
        return TopUp.objects.filter(wallet=self.wallet())

    @extend_schema(operation_id="list_topups", summary="Automatic top-ups of a wallet, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)
