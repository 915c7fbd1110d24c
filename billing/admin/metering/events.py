"""Events: found by id, traced through metering and billing, and corrected with a reason."""

import json
from datetime import datetime
from typing import Any

import msgspec
from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import TextFilter

from billing.admin.metering import line_events
from billing.metering.corrections import correct_usage, parser
from billing.metering.ingest.event_reader import StoredEvent, read_by_key
from billing.metering.ingest.event_recorder import ACCEPTED, DUPLICATE
from billing.metering.ingest.parser import MAX_AGE, MAX_AHEAD, BodyRefused, event_key
from billing.metering.store.counter_store import CounterUnderflow
from billing.metering.usage.event_trace import EventTrace, trace_event
from billing.metering.usage.latest_events import MAX_NAMES, find_newest_events
from billing.models import Event
from customers.customer_time import clock_time, test_clock_ids
from customers.models import Customer
from lib.admin import ConditionFilter, ConfirmedAction, Preview, ReadOnlyAdmin, Response
from lib.admin.sandbox_switch import shows_sandbox
from lib.admin.seller_restriction import OF_ALL_SELLERS
from lib.formats import format_number
from lib.translation import Text
from plans.models import Meter

CORRECT = "billing.correct_event"
MAX_SHOWN = 50


class ReplacementForm(forms.Form):
    """The event that replaces another one, as the product would send it."""

    event = forms.CharField(
        label=_("Replacement event"),
        widget=forms.Textarea(attrs={"rows": 14, "class": "field wide", "spellcheck": "false"}),
        help_text=_("As your product sends it, with a new id and its timestamp."),
    )


def is_uncorrected(event: Event) -> bool:
    return not _is_corrected(trace_event(event.key.hex))


class CorrectionAction(ConfirmedAction[Event]):
    """A correction of an event: the event stays, and is no longer counted."""

    permission = CORRECT
    is_offered = staticmethod(is_uncorrected)
    refusals = (BodyRefused, CounterUnderflow)
    missing_reason = _("Enter the reason; it is kept with the correction.")
    heading: Text

    def preview(self, event: Event) -> Preview:
        traced = trace_event(event.key.hex)
        counted = [part for meter in traced.meters for part in meter.counted] if traced else []
        return Preview(
            title=str(self.heading) % {"event": event.sender_id},
            consequences=[
                *(
                    gettext("The usage of %(feature)s decreases by %(quantity)s at once.")
                    % {"feature": part.feature, "quantity": format_number(part.quantity)}
                    for part in counted
                ),
                gettext("If its period is closed, the change becomes late usage. Issued invoices don't change."),
                gettext("The event itself stays, with this correction. A reason is required."),
            ],
            problems=[gettext("The event is already corrected. Each event can be corrected once.")]
            if _is_corrected(traced)
            else [],
        )

    def correct(self, event: Event, *, kind: str, replacement: str = "") -> Response:
        """Correct the event, or show the page again with the error. replacement: an event as JSON."""
        at = _time_of(event)
        body = json.dumps({"id": event.sender_id, "source": event.source, "kind": kind, "reason": self.reason})
        if replacement:
            body = f'{body[:-1]}, "replacement": {replacement}}}'
        corrections, refused, _ = parser.parse_corrections(
            body.encode(), sandbox=event.sandbox, at=at, oldest=at - MAX_AGE, newest=at + MAX_AHEAD
        )
        if refused:
            self.refuse(f"{refused[0].field}: {refused[0].detail}")
            return None
        (outcome,) = correct_usage(corrections=corrections, sandbox=event.sandbox, at=at, by=self.user)
        if outcome.status not in (ACCEPTED, DUPLICATE):
            self.refuse(outcome.detail)
            return None
        return self.done(gettext("The event is void.") if kind == "void" else gettext("The event is replaced."))


class TakeEventBack(CorrectionAction):
    """Stop counting an event."""

    label, icon = _("Void"), "undo"
    heading = _("Void event %(event)s")
    danger = True

    def run(self, event: Event) -> Response:
        return self.correct(event, kind="void")


class ReplaceEvent(CorrectionAction):
    """Let another event count in place of an event."""

    label, icon = _("Replace"), "swap_horiz"
    heading = _("Replace event %(event)s")

    def make_form(self, event: Event) -> forms.Form:
        stored = read_by_key([event.key.hex])[event.key.hex]
        return ReplacementForm(self.posted, initial={"event": _as_sent(stored)})

    def run(self, event: Event) -> Response:
        return self.correct(event, kind="replace", replacement=self.choices["event"])


class EventNameFilter(ConditionFilter):
    title = _("Event name")
    parameter_name = "event"

    def conditions(self) -> dict[str, tuple[Text, Q]]:
        names = Meter.objects.order_by("event_name").values_list("event_name", flat=True).distinct()[:MAX_NAMES]
        return {name: (name, Q(name=name)) for name in names}


class CustomerFilter(TextFilter):
    """Events of the customer with an external ID; of an unknown customer, those that name this ID."""

    title = _("Customer ID")
    parameter_name = "customer"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        external_id = (self.value() or "").strip()
        if not external_id or "\0" in external_id:
            return queryset
        customer_id = find_customer(request, external_id)
        return queryset.filter(
            **({"customer_ref": external_id} if customer_id is None else {"customer_id": customer_id})
        )


def find_customer(request: HttpRequest, external_id: str) -> int | None:
    """Return the ID of the live or sandbox customer, as the site's switch says; None if there is none."""
    customers = Customer.objects.filter(external_id=external_id, sandbox=shows_sandbox(request))
    return customers.values_list("pk", flat=True).first()


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """Events are never edited: corrections refer to them."""

    seller_paths = OF_ALL_SELLERS
    has_form = False
    list_display = ("occurred_at", "name", "customer_ref", "sender_id", "source")
    list_display_links = ("occurred_at", "sender_id")
    search_fields = ("sender_id",)
    search_help_text = _("Event ID; with its source in front if it has one")
    list_filter = (CustomerFilter, EventNameFilter, "occurred_at")
    list_before_template = "staff/metering/newest_events.html"
    list_per_page = MAX_SHOWN
    empty_text = _("The newest events that your product sends to the API appear here.")
    ordering = ("-occurred_at", "key")
    actions_detail = ("take_back", "replace_it")
    change_form_before_template = "staff/metering/event.html"
    further_pages = (
        ("line/<int:line_id>/", line_events.page, "billing_line_events"),
        ("line/<int:line_id>/events.csv", line_events.download, "billing_line_events_csv"),
    )

    take_back = TakeEventBack.as_action()
    replace_it = ReplaceEvent.as_action()

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        """
        Find an event by its key, or list the newest that fit the filters: events are too numerous for a list of all.
        """
        term = search_term.strip()
        if "\0" in term:
            return queryset.none(), False
        if not term:
            external_id = request.GET.get(CustomerFilter.parameter_name, "").strip()
            of_customer = bool(external_id) and find_customer(request, external_id) is not None
            newest = find_newest_events(queryset, of_customer=of_customer, count=MAX_SHOWN)
            return queryset.filter(pk__in=newest), False
        # The term is an id, or a source and an id with a space between; both may contain spaces, so each split is
        # tried.
        splits = [(term[:place], term[place + 1 :]) for place, letter in enumerate(term) if letter == " "]
        candidates = [("", term), *splits[:10]]
        keys = [
            event_key(id_, source=source, sandbox=sandbox) for source, id_ in candidates for sandbox in (False, True)
        ]
        return queryset.filter(pk__in=keys), False

    def page_context(self, request: HttpRequest, event: Event) -> dict[str, Any]:
        traced = trace_event(event.key.hex)
        properties = msgspec.json.format(traced.row.properties) if traced else ""
        return {
            "title": gettext("Event %(id)s") % {"id": event.sender_id},
            "event": event,
            "traced": traced,
            "properties": properties,
        }


def _time_of(event: Event) -> datetime:
    """Return the current time of the event's customer."""
    ids = [event.customer_id] if event.customer_id else []
    return clock_time(next(iter(test_clock_ids(ids).values()), None))


def _is_corrected(traced: EventTrace | None) -> bool:
    return traced is not None and traced.correction is not None


def _as_sent(row: StoredEvent) -> str:
    """Return an event as JSON to edit and send again, with all digits of its numbers."""
    sent = {
        "id": f"{row.sender_id}-corrected",
        "customer": row.customer_ref,
        "event": row.name,
        "timestamp": row.occurred_at.isoformat(),
        "properties": msgspec.Raw(row.properties.encode()),
    }
    more = {"subscription": row.subscription_ref} if row.subscription_ref else {}
    return msgspec.json.format(msgspec.json.encode(sent | more)).decode()
