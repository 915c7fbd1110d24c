"""Reservations: value held for upcoming usage, and how each ended."""

from decimal import Decimal

from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.limits.reservations import release
from billing.limits.reservations.errors import ReservationRefused
from billing.models import Reservation
from billing.models.reservations import ReservationState
from customers.customer_time import current_time, loaded_current_time
from lib.admin import ConfirmedAction, Preview, ReadOnlyAdmin, Response
from lib.admin.columns import column, display, text_column
from lib.formats import format_number


class ReleaseReservation(ConfirmedAction[Reservation]):
    """Release a reservation that its product does not release."""

    label, icon, verb = _("Release"), "lock_open", _("Release reservation")
    permission = "billing.change_reservation"
    refusals = (ReservationRefused,)

    def preview(self, reservation: Reservation) -> Preview:
        return Preview(
            title=gettext("Release %(quantity)s of %(customer)s")
            % {"quantity": _units(reservation, reservation.quantity), "customer": reservation.customer},
            consequences=[
                gettext("Its hold on caps and wallets ends at once."),
                gettext("Your product can't commit it afterwards; it must report the usage as an event instead."),
            ],
        )

    def run(self, reservation: Reservation) -> Response:
        release(reservation_id=reservation.pk, at=current_time(reservation.customer))
        return self.done(gettext("The reservation is released."))


@admin.register(Reservation)
class ReservationAdmin(ReadOnlyAdmin):
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
    list_filter = ("state",)
    list_select_related = ("customer", "plan_feature__feature__meter")
    search_fields = ("customer__external_id", "reference")
    search_help_text = _("Customer ID or reservation ID")
    empty_text = _("Your product reserves usage through the API before it happens.")
    fields = (
        ("reference", "state_shown"),
        ("customer", "feature_shown"),
        ("quantity_shown", "used_shown"),
        ("held_shown", "properties"),
        ("at", "until", "ended_at"),
    )
    actions_detail = ("release_now",)

    release_now = ReleaseReservation.as_action()

    feature_shown = text_column("plan_feature.feature", _("Feature"))
    quantity_shown = column(_("Reserved"), lambda reservation: _units(reservation, reservation.quantity))

    @display(description=_("Used"))
    def used_shown(self, reservation: Reservation) -> str:
        return "" if reservation.used is None else _units(reservation, reservation.used)

    @display(description=_("Held in wallets"))
    def held_shown(self, reservation: Reservation) -> str:
        if reservation.hold is None:
            return gettext("nothing")
        return f"{format_number(reservation.hold.amount)} {reservation.hold.unit}"

    @display(description=_("State"), label={"open": "info", "over": "warning", "committed": "success"})
    def state_shown(self, reservation: Reservation) -> tuple[str, str]:
        if reservation.state == ReservationState.OPEN and reservation.until <= loaded_current_time(
            reservation.customer, now=timezone.now()
        ):
            return "over", gettext("expired, being released")
        return reservation.state, reservation.get_state_display()


def _units(reservation: Reservation, quantity: Decimal) -> str:
    meter = reservation.plan_feature.feature.meter
    return f"{format_number(quantity)} {meter.unit if meter else ''}".strip()
