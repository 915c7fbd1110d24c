"""Reservations: value held for upcoming usage, and how each ended."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from billing.limits.reservations import release
from billing.limits.reservations.errors import ReservationRefused
from billing.models import Reservation
from billing.models.reservations import ReservationState
from customers.customer_time import current_time, loaded_current_time
from lib.formats import format_number


@admin.register(Reservation)
class ReservationAdmin(ModelAdmin):
    list_display = (
        "reference",
        "customer",
        "feature_shown",
        "quantity_shown",
        "state_shown",
        "at",
        "until",
        "used_shown",
    )
    list_filter = (("state", ChoicesDropdownFilter),)
    list_select_related = ("customer", "plan_feature__feature__meter")
    search_fields = ("customer__external_id", "reference")
    search_help_text = "A customer's id, or a reservation's"
    ordering = ("-pk",)
    fields = (
        ("reference", "state_shown"),
        ("customer", "feature_shown"),
        ("quantity_shown", "used_shown"),
        ("held_shown", "properties"),
        ("at", "until", "ended_at"),
    )
    readonly_fields = (
        "reference", "state_shown", "customer", "feature_shown", "quantity_shown", "used_shown", "held_shown",
        "properties", "at", "until", "ended_at",
    )  # fmt: skip
    actions_detail = ("release_now",)

    @display(description="Feature")
    def feature_shown(self, reservation: Reservation) -> str:
        return str(reservation.plan_feature.feature)

    @display(description="Reserved")
    def quantity_shown(self, reservation: Reservation) -> str:
        return _units(reservation, reservation.quantity)

    @display(description="Used")
    def used_shown(self, reservation: Reservation) -> str:
        return "" if reservation.used is None else _units(reservation, reservation.used)

    @display(description="Kept in wallets")
    def held_shown(self, reservation: Reservation) -> str:
        return (
            "nothing"
            if reservation.hold is None
            else f"{format_number(reservation.hold.amount)} {reservation.hold.unit}"
        )

    @display(description="State", label={"open": "info", "over": "warning", "committed": "success"})
    def state_shown(self, reservation: Reservation) -> tuple[str, str]:
        if reservation.state == ReservationState.OPEN and reservation.until <= loaded_current_time(
            reservation.customer, now=timezone.now()
        ):
            return "over", "over, to be given back"
        return reservation.state, reservation.get_state_display()

    @action(description="Release", icon="lock_open", permissions=["release"])
    def release_now(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Release a reservation that its product does not release."""
        reservation = self.get_object(request, object_id)
        if reservation is None:
            raise Http404(f"There is no reservation {object_id}.")
        if not self.has_view_permission(request, reservation):
            raise PermissionDenied
        page_url = reverse("admin:billing_reservation_change", args=[reservation.pk])
        if request.method == "POST":
            try:
                release(reservation_id=reservation.pk, at=current_time(reservation.customer))
            except ReservationRefused as refusal:
                messages.error(request, str(refusal))
            else:
                messages.success(request, "What it held is given back.")
            return HttpResponseRedirect(page_url)
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=reservation,
            title=f"Release {_units(reservation, reservation.quantity)} of {reservation.customer}",
            consequences=[
                "What it holds of caps and wallets is there for others at once.",
                "A product that commits it afterwards is refused, and reports its use as an event instead.",
            ],
            verb="Release it",
        )

    def has_release_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("billing.change_reservation"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Reservation | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Reservation | None = None) -> bool:
        return False


def _units(reservation: Reservation, quantity: Any) -> str:
    meter = reservation.plan_feature.feature.meter
    return f"{format_number(quantity)} {meter.unit if meter else ''}".strip()
