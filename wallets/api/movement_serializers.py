"""Requests of wallet movements over HTTP: grant, spend, transfer, void, refund, extend."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from rest_framework import serializers

from lib.api.fields import InstantField, StrictFields
from lib.api.number_fields import NumberField
from plans.api.features import feature_named
from plans.models import Feature
from wallets.credit_rules.units import MAX_UNITS, PLACES
from wallets.ledger.grant import Grant
from wallets.models import LotKind
from wallets.operations.manual_grants import MANUAL_KINDS

NAMED = (
    "Your ID for the transaction: sent again, it books nothing and returns the same response; with different"
    " content it is refused. Without it, only an Idempotency-Key identifies a repeated request."
)


class LedgerAmountField(NumberField):
    """An amount of prepaid value that can be granted or taken."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(positive=True, most=MAX_UNITS, places=PLACES, **kwargs)


class KeySerializer(StrictFields, serializers.Serializer[Any]):
    """Fields of a movement that happens once."""

    key = serializers.CharField(max_length=60, required=False, help_text=NAMED)
    reason = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)

    @property
    def reference(self) -> str:
        """The movement's reference in the ledger."""
        return f"api:{self.validated_data.get('key') or uuid4()}"


class GrantSerializer(KeySerializer):
    """The grant and its terms."""

    kind = serializers.ChoiceField([(kind.value, kind.label) for kind in MANUAL_KINDS], default=LotKind.PROMOTIONAL)
    amount = LedgerAmountField(help_text="In the wallet's unit, with at most 12 decimal places.")
    valid_from = InstantField(required=False, help_text="Default: now.")
    expires_at = InstantField(required=False, allow_null=True, help_text="Default: never.")
    priority = serializers.IntegerField(
        min_value=0, max_value=32767, default=50, help_text="Lots with the lowest priority are used first."
    )
    features = serializers.ListField(
        child=serializers.CharField(max_length=64),
        max_length=100,
        default=list,
        help_text="Feature codes; empty: all.",
    )
    rolls_over = serializers.IntegerField(min_value=0, max_value=32767, default=0, help_text="Number of rollovers.")
    rollover_most = NumberField(
        most=MAX_UNITS,
        places=PLACES,
        required=False,
        allow_null=True,
        help_text="Maximum that rolls over. Default: all.",
    )
    rollover_days = serializers.IntegerField(min_value=1, max_value=3650, required=False, allow_null=True)

    def validate_features(self, codes: list[str]) -> list[int]:
        """Return the ids of the features."""
        known = dict(Feature.objects.filter(code__in=codes).values_list("code", "pk"))
        if unknown := [code for code in codes if code not in known]:
            raise serializers.ValidationError(
                [serializers.ErrorDetail(f"No feature “{unknown[0]}” exists.", "unknown")]
            )
        return [known[code] for code in codes]

    @property
    def grant(self) -> Grant:
        """The grant for the ledger."""
        terms = {name: value for name, value in self.validated_data.items() if name not in ("key", "reason")}
        return Grant(**terms, source=self.reference)


class SpendSerializer(KeySerializer):
    """The amount to take from a wallet: all of it, or nothing if the wallet has less."""

    amount = LedgerAmountField(help_text="In the wallet's unit.")
    feature = serializers.CharField(
        max_length=64, required=False, help_text="Code of the feature that was used, if any."
    )
    used_at = InstantField(
        required=False, help_text="Time of the usage; only lots valid then are used. Default: now."
    )

    def validate_feature(self, code: str) -> int:
        """Return the id of the feature."""
        return int(feature_named(code).pk)

    def arguments(self, at: datetime) -> dict[str, Any]:
        """
        Return the arguments of `spend`.

        :raises serializers.ValidationError: if `used_at` is in the future.
        """
        fields = self.validated_data
        if (used_at := fields.get("used_at")) and used_at > at:
            raise serializers.ValidationError(
                {"used_at": ["This time is in the future; send usage after it happened."]}
            )
        facts = {"feature_id": fields.get("feature"), "used_at": used_at, "reason": fields["reason"]}
        return {"amount": fields["amount"], "reference": self.reference, **facts}


class SpentSerializer(serializers.Serializer[Any]):
    """The result of a spend."""

    units = NumberField(help_text="Debited from lots.")
    owed = NumberField(help_text="Added to the overdraft.")
    uncovered = NumberField(help_text="Covered neither by lots nor by an overdraft.")
    balance = NumberField(help_text="The wallet's balance afterwards.")


class TakingOutSerializer(KeySerializer):
    """The units of a lot to take out of its wallet, and the reason."""

    amount = LedgerAmountField(required=False, help_text="Default: everything remaining and not held.")
    reason = serializers.CharField(max_length=300)


class VoidSerializer(KeySerializer):
    """The reason to void all units of a wallet."""

    reason = serializers.CharField(max_length=300)


class VoidedSerializer(serializers.Serializer[Any]):
    """The result of voiding all units of a wallet."""

    voided = NumberField(help_text="Units that left the wallet.")
    held = NumberField(help_text="Units that stay, because reservations hold them.")
    balance = NumberField(help_text="The wallet's balance afterwards.")


class ExtensionSerializer(StrictFields, serializers.Serializer[Any]):
    """The new expiry of a lot, and the reason."""

    expires_at = InstantField(allow_null=True, help_text="Later than the current expiry; null: never.")
    reason = serializers.CharField(max_length=300)


class TransferSerializer(KeySerializer):
    """The target wallet, the amount and the reason."""

    to = serializers.IntegerField(min_value=1, max_value=2**63 - 1, help_text="Number of a wallet of the customer.")
    amount = LedgerAmountField()
    reason = serializers.CharField(max_length=300)
