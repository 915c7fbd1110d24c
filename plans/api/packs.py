"""Credit packs over HTTP: read-only, since they are edited in the admin, like prices."""

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from lib.api.number_fields import NumberField
from plans.models import BonusSlab, CreditPack, PackPrice


class PackPriceSerializer(serializers.ModelSerializer[PackPrice]):
    """The price before tax: of a pack, or of each unit if units are sold individually."""

    price = NumberField()

    class Meta:
        model = PackPrice
        fields = ["currency", "price"]
        read_only_fields = fields


class BonusSlabSerializer(serializers.ModelSerializer[BonusSlab]):
    """The bonus from a threshold on: units for each pack, and a percentage of the units bought."""

    least = NumberField(help_text="Units, or what is paid for them before tax: see `slabs_by`.")
    units = NumberField()
    percent = NumberField()

    class Meta:
        model = BonusSlab
        fields = ["least", "units", "percent"]
        read_only_fields = fields


class PackSerializer(serializers.ModelSerializer[CreditPack]):
    """Prepaid value that customers buy."""

    units = NumberField(allow_null=True, help_text="Of one pack; null where units are sold one by one.")
    least_units = NumberField(allow_null=True, help_text="Where units are sold one by one, so many at a time.")
    most_units = NumberField(allow_null=True)
    rollover_most = NumberField(allow_null=True, help_text="Null: all that is left of it.")
    features = serializers.ListField(child=serializers.CharField(), help_text="What it is for; all if empty.")
    on_sale = serializers.SerializerMethodField(help_text="Whether it can be bought now.")
    prices = PackPriceSerializer(many=True)
    slabs = BonusSlabSerializer(many=True, help_text="The highest that is reached applies, alone.")

    class Meta:
        model = CreditPack
        fields = [
            *(
                "code",
                "name",
                "unit",
                "units",
                "least_units",
                "most_units",
                "prices",
                "slabs_by",
                "slabs",
                "is_taxed",
            ),
            *("valid_days", "features", "priority", "rolls_over", "rollover_most", "rollover_days"),
            *("sold_from", "sold_until", "on_sale"),
        ]
        read_only_fields = fields

    def get_on_sale(self, pack: CreditPack) -> bool:
        """Return whether the pack can be bought now."""
        return pack.is_on_sale(timezone.now())


class Packs(generics.GenericAPIView[CreditPack]):
    """Credit packs, on sale or not."""

    required_scopes = {"GET": "read"}
    serializer_class = PackSerializer
    lookup_field = "code"
    lookup_url_kwarg = "pack"

    def get_queryset(self) -> QuerySet[CreditPack]:
        """Return all packs with their prices and bonus slabs."""
        return CreditPack.objects.prefetch_related(
            Prefetch("prices", PackPrice.objects.order_by("currency")),
            Prefetch("slabs", BonusSlab.objects.order_by("least")),
        )


class PacksView(Packs, generics.ListAPIView[CreditPack]):
    """The list of credit packs."""

    @extend_schema(operation_id="list_packs", summary="List credit packs, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class PackView(Packs, generics.RetrieveAPIView[CreditPack]):
    """One credit pack."""

    @extend_schema(operation_id="get_pack", summary="Read a credit pack")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)
