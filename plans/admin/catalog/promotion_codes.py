"""Promotion codes of a coupon, on its page."""

from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from lib.admin import StaffInline
from lib.row_form import RowForm
from plans.models import PromotionCode


class PromotionCodeForm(RowForm[PromotionCode]):
    is_archived = forms.BooleanField(label=_("Archived"), required=False)

    class Meta:
        model = PromotionCode
        fields = (
            *("code", "is_for_customer", "is_for_new_customers", "most_redemptions", "most_per_customer"),
            *("redeem_from", "redeem_until"),
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "is_archived" in self.fields:
            self.fields["is_archived"].initial = self.instance.archived_at is not None
        # A redeemed code keeps its text, also by a trigger.
        if self.instance.redeemed and "code" in self.fields:
            self.fields["code"].disabled = True

    def clean_code(self) -> str:
        return str(self.cleaned_data["code"]).strip().upper()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        since, until = cleaned.get("redeem_from"), cleaned.get("redeem_until")
        if since and until and until <= since:
            self.add_error("redeem_until", gettext("The end must be after the start."))
        most = cleaned.get("most_redemptions")
        if most is not None and most < self.instance.redeemed:
            text = gettext("It was already redeemed %(count)s times. Archive it to stop it.")
            self.add_error("most_redemptions", text % {"count": self.instance.redeemed})
        if cleaned.get("is_archived") != (self.instance.archived_at is not None):
            self.instance.archived_at = timezone.now() if cleaned.get("is_archived") else None
        return cleaned


class PromotionCodeInline(StaffInline):
    model = PromotionCode
    form = PromotionCodeForm
    verbose_name_plural = _("Promotion codes")
    fields = (
        *("code", "is_for_customer", "is_for_new_customers", "most_redemptions", "most_per_customer"),
        *("redeem_from", "redeem_until", "redeemed", "is_archived"),
    )
    readonly_fields = ("redeemed",)
    can_delete = False
    ordering = ("-created_at",)
