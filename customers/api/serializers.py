"""Serializers of customers."""

from typing import Any

from rest_framework import serializers

from customers.api.fields import LocaleField, SellerField
from customers.models import Customer, Seller, TestClock
from customers.models.parties import validate_time_zone
from lib.api.fields import CurrencyField, ExternalIdField, InstantField, StrictFields
from lib.api.labels import MetadataObjectField, TagListField
from lib.api.number_fields import NumberField
from lib.field_types import MAX_MONEY

CHANGEABLE = (
    *("legal_name", "address_line1", "address_line2", "postal_code", "city", "region", "country", "tax_number"),
    *("email", "locale", "purchase_order", "tax_exemption", "tax_code", "net_days", "billed_each", "one_document"),
    *("accounting_group", "metadata", "tags"),
)


class CustomerSerializer(StrictFields, serializers.ModelSerializer[Customer]):
    """
    A customer.

    The fields from which its periods and invoices are computed (id, seller, currency, time zone) are set once, at
    creation.
    """

    id = ExternalIdField(source="external_id", help_text="Your unique ID for the customer; it can't be changed.")
    seller = SellerField(
        help_text="Code of the legal entity that invoices the customer; optional if there is only one."
    )
    currency = CurrencyField(required=False, help_text="Default: the seller's.")
    time_zone = serializers.CharField(max_length=64, required=False, help_text="IANA name; default: the seller's.")
    locale = LocaleField(max_length=20, required=False, help_text="Such as en_US or de_DE; default: the seller's.")
    billed_each = NumberField(
        positive=True,
        most=MAX_MONEY,
        places=4,
        required=False,
        allow_null=True,
        help_text="Invoice usage whenever it reaches this amount; null: the plan's setting.",
    )
    test_clock = serializers.PrimaryKeyRelatedField(
        queryset=TestClock.objects.all(),
        required=False,
        allow_null=True,
        help_text="Number of the test clock that a sandbox customer runs on; default: real time.",
    )
    metadata = MetadataObjectField()
    tags = TagListField()
    sandbox = serializers.BooleanField(read_only=True, help_text="True for customers made with a test key.")
    created_at = InstantField(read_only=True)

    class Meta:
        model = Customer
        fields = ["id", "seller", *CHANGEABLE, "currency", "time_zone", "test_clock", "sandbox", "created_at"]

    def validate_time_zone(self, value: str) -> str:
        """
        Check the time zone.

        :raises django.core.exceptions.ValidationError: if it is not an IANA name.
        """
        validate_time_zone(value)
        return value

    def validate_test_clock(self, clock: TestClock | None) -> TestClock | None:
        """
        Check that only sandbox customers get a test clock.

        :raises serializers.ValidationError: if the customer would be live.
        """
        if clock is not None and not self.context["request"].user.sandbox:
            raise serializers.ValidationError(
                "Live customers use real time; use a test key to put a sandbox customer on a clock."
            )
        return clock

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Fill in the defaults from the seller."""
        if self.instance is None:
            seller = attrs["seller"] = attrs.get("seller") or _only_seller()
            attrs.setdefault("currency", seller.currency)
            attrs.setdefault("time_zone", seller.time_zone)
            attrs.setdefault("locale", seller.locale)
        return attrs


class CustomerChangeSerializer(CustomerSerializer):
    """The fields of a customer that can change after its creation."""

    id = serializers.CharField(source="external_id", read_only=True)  # type: ignore[assignment]  # another field
    seller = serializers.SlugRelatedField(slug_field="code", read_only=True)  # type: ignore[assignment, var-annotated]
    currency = serializers.CharField(read_only=True)  # type: ignore[assignment]  # another field
    time_zone = serializers.CharField(read_only=True)
    test_clock = serializers.PrimaryKeyRelatedField(read_only=True, allow_null=True)

    def update(self, instance: Customer, validated_data: dict[str, Any]) -> Customer:
        """Write only the fields that were sent, so that two concurrent changes do not undo each other."""
        for name, value in validated_data.items():
            setattr(instance, name, value)
        if validated_data:
            instance.save(update_fields=list(validated_data))
        return instance


def _only_seller() -> Seller:
    sellers = list(Seller.objects.order_by("code")[:2])
    if len(sellers) != 1:
        explanation = "several sellers; name one" if sellers else "no seller yet; add one in the admin"
        raise serializers.ValidationError(
            {"seller": [f"There {'are' if sellers else 'is'} {explanation}."]}, "required"
        )
    return sellers[0]
