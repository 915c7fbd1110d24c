"""Credit packs over HTTP: read-only, since they are edited in the admin, like prices."""

from django.db.models import Prefetch
from django.utils import timezone
from rest_framework import serializers

from lib.api.fields import RowSerializer
from lib.api.number_fields import NumberField
from lib.api.operations import list_rows, read_row
from lib.api.views import ApiView
from plans.models import BonusSlab, CreditPack, PackPrice


class PackPriceSerializer(RowSerializer[PackPrice]):
    """The price before tax: of a pack, or of each unit if units are sold individually."""

    price = NumberField()

    class Meta:
        model = PackPrice
        fields = ["currency", "price"]


class BonusSlabSerializer(RowSerializer[BonusSlab]):
    """The bonus from a threshold on: units for each pack, and a percentage of the units bought."""

    least = NumberField(help_text="Threshold in units, or in money before tax: see `slabs_by`.")
    units = NumberField()
    percent = NumberField()

    class Meta:
        model = BonusSlab
        fields = ["least", "units", "percent"]


class PackSerializer(RowSerializer[CreditPack]):
    """Prepaid value that customers buy."""

    units = NumberField(allow_null=True, help_text="Units per pack; null if units are sold individually.")
    least_units = NumberField(allow_null=True, help_text="Minimum, if units are sold individually.")
    most_units = NumberField(allow_null=True)
    rollover_most = NumberField(allow_null=True, help_text="Null: all remaining units.")
    features = serializers.ListField(
        child=serializers.CharField(), help_text="Features that it pays for; empty: all."
    )
    on_sale = serializers.SerializerMethodField(help_text="Whether it is currently on sale.")
    prices = PackPriceSerializer(many=True)
    slabs = BonusSlabSerializer(many=True, help_text="Only the highest slab reached applies.")

    class Meta:
        model = CreditPack
        fields = [
            *("code", "name", "unit", "units", "least_units", "most_units", "prices", "slabs_by", "slabs"),
            *(
                "is_taxed",
                "includes_tax",
                "valid_days",
                "features",
                "priority",
                "rolls_over",
                "rollover_most",
                "rollover_days",
            ),
            *("sold_from", "sold_until", "on_sale"),
        ]

    def get_on_sale(self, pack: CreditPack) -> bool:
        """Return whether the pack can be bought now."""
        return pack.is_on_sale(timezone.now())


class Packs(ApiView[CreditPack]):
    """Credit packs, on sale or not."""

    queryset = CreditPack.objects.prefetch_related(
        Prefetch("prices", PackPrice.objects.order_by("currency")),
        Prefetch("slabs", BonusSlab.objects.order_by("least")),
    )
    serializer_class = PackSerializer
    lookup_field = "code"
    lookup_url_kwarg = "pack"

    list_all = list_rows("list_packs", "List credit packs, newest first", "The list of credit packs.")
    read = read_row("get_pack", "Read a credit pack", "One credit pack.")
