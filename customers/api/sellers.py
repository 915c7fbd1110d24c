"""Sellers over HTTP."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.request import Request

from customers.api.fields import BicField, IbanField, LocaleField
from customers.models import Seller
from customers.models.parties import validate_time_zone
from customers.models.sellers import HEX_COLOR, HOST_NAME
from customers.portal_auth.origins import is_main_host
from lib.api.fields import CurrencyField, StrictFields
from lib.api.operations import list_rows, patch, post, read_row
from lib.api.problems import Problem
from lib.api.views import ApiView

LONGEST_GRACE = timedelta(days=60)
CHANGEABLE = (
    *("legal_name", "address_line1", "address_line2", "postal_code", "city", "region", "country", "tax_number"),
    *("company_number", "email", "time_zone", "locale", "currency", "net_days", "grace", "zero_invoices"),
    *("late_usage", "account_holder", "iban", "bic", "bank_details", "payment_terms", "notes", "footer"),
    *("brand_color", "accent_color", "paper", "shows_usage", "shows_wallets", "e_invoices"),
    *("frame_ancestors", "portal_host", "no_usage_text"),
)


class SecondsField(serializers.IntegerField):
    """A duration in whole seconds."""

    def run_validation(self, data: Any = empty) -> Any:
        """Return the duration; the bounds are compared in seconds."""
        seconds = super().run_validation(data)
        return timedelta(seconds=seconds) if isinstance(seconds, int) else seconds

    def to_representation(self, value: Any) -> int:
        return int(value.total_seconds())


class SellerSerializer(StrictFields, serializers.ModelSerializer[Seller]):
    """
    A legal entity that issues invoices, with its terms.

    The logo, the tax rates, the dunning steps and the payment provider's account are set in the back office.
    """

    code = serializers.SlugField(max_length=40, help_text="Your unique code for the seller; it can't be changed.")
    currency = CurrencyField(required=False, help_text="Default currency of its customers; default: USD.")
    grace = SecondsField(
        min_value=0,
        max_value=int(LONGEST_GRACE.total_seconds()),
        required=False,
        help_text="Seconds to wait for late events after a period ends; default: 3600.",
    )
    brand_color = serializers.RegexField(HEX_COLOR, required=False, help_text="Such as #1f3a5f.")
    accent_color = serializers.RegexField(HEX_COLOR, required=False, allow_blank=True)
    portal_host = serializers.RegexField(
        HOST_NAME, max_length=253, required=False, allow_blank=True, help_text="Such as billing.example.com."
    )
    locale = LocaleField(max_length=20, required=False, help_text="Such as en_US; default: en_US.")
    iban = IbanField(max_length=42, required=False, allow_blank=True)
    bic = BicField(max_length=14, required=False, allow_blank=True)

    class Meta:
        model = Seller
        fields = ["code", *CHANGEABLE]
        extra_kwargs = {"net_days": {"max_value": 365}}

    def validate_code(self, code: str) -> str:
        """
        Check that no other seller has the code.

        :raises serializers.ValidationError: if one has.
        """
        if self.instance is None and Seller.objects.filter(code=code).exists():
            raise serializers.ValidationError(f"A seller “{code}” already exists; choose another code.", "taken")
        return code

    def validate_portal_host(self, host: str) -> str:
        """
        Check that no other seller has the portal domain, and that it is not the server's own.

        :raises serializers.ValidationError: if either is so.
        """
        if is_main_host(host):
            raise serializers.ValidationError(f"{host} is the address of the server itself.", "refused")
        others = Seller.objects.filter(portal_host=host)
        if self.instance is not None:
            others = others.exclude(pk=self.instance.pk)
        if host and others.exists():
            raise serializers.ValidationError(f"Another seller has the portal domain {host}.", "taken")
        return host

    def validate_time_zone(self, name: str) -> str:
        """
        Check the time zone.

        :raises django.core.exceptions.ValidationError: if it is not an IANA name.
        """
        validate_time_zone(name)
        return name


class SellerChangeSerializer(SellerSerializer):
    """The fields of a seller that can change."""

    code = serializers.CharField(read_only=True)  # type: ignore[assignment]  # another field

    def update(self, instance: Seller, validated_data: dict[str, Any]) -> Seller:
        """Write only the fields that were sent, so that two concurrent changes do not undo each other."""
        for name, value in validated_data.items():
            setattr(instance, name, value)
        if validated_data:
            instance.save(update_fields=list(validated_data))
        return instance


class Sellers(ApiView[Seller]):
    """The sellers, which live and sandbox customers share."""

    queryset = Seller.objects.all()
    serializer_class = SellerSerializer
    lookup_field = "code"
    lookup_url_kwarg = "seller"

    list_all = list_rows("list_sellers", "List sellers, newest first", "All sellers, with any key.")

    @post(
        "create_seller",
        "Create a seller",
        "Its number series begin with its first invoice. Only live keys create sellers.",
        request=SellerSerializer,
        status=201,
        problems=("scope-missing",),
        examples={"A seller": {"code": "acme-gmbh", "legal_name": "Acme GmbH", "country": "DE", "currency": "EUR"}},
    )
    def create(self, request: Request) -> Seller:
        self._require_live_key()
        with transaction.atomic():
            seller: Seller = self.read_serializer().save()
        return seller

    read = read_row("get_seller", "Read a seller", "One seller.")

    @patch(
        "update_seller",
        "Change a seller",
        "Applies to invoices issued from now on; issued ones do not change. Only live keys change sellers.",
        request=SellerChangeSerializer,
        response=SellerChangeSerializer,
        problems=("scope-missing",),
    )
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Seller:
        self._require_live_key()
        with transaction.atomic():
            seller: Seller = self.read_serializer(self.get_object(), partial=True).save()
        return seller

    def _require_live_key(self) -> None:
        """:raises Problem: with a test key, because live invoices use the same sellers."""
        if self.caller.sandbox:
            raise Problem("scope-missing", "Live invoices use the same sellers. Use a live key.")
