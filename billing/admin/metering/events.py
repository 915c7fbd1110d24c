"""Events: found by id, traced through metering and billing, and corrected with a reason."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin
from unfold.decorators import action

from billing.admin.metering import line_events
from billing.metering.corrections import correct_usage, parser
from billing.metering.ingest.event_reader import StoredEvent, read_by_key
from billing.metering.ingest.event_recorder import ACCEPTED, DUPLICATE
from billing.metering.ingest.parser import MAX_AGE, MAX_AHEAD, event_key
from billing.metering.store.counter_store import CounterUnderflow
from billing.metering.usage.event_trace import trace_event
from billing.models import Event
from customers.customer_time import clock_time, test_clock_ids

CORRECT = "billing.correct_event"


class ReplacementForm(forms.Form):
    """The event that replaces another one, as the product would send it."""

    event = forms.CharField(
        label="The event that takes its place",
        widget=forms.Textarea(attrs={"rows": 14, "class": "field wide", "spellcheck": "false"}),
        help_text="As your product sends it, under a new id; say when it happened.",
    )


@admin.register(Event)
class EventAdmin(ModelAdmin):
    list_display = ("occurred_at", "name", "customer_ref", "sender_id", "source", "sandbox")
    list_display_links = ("occurred_at", "sender_id")
    search_fields = ("sender_id",)
    search_help_text = "The whole id of an event, behind its source if it has one"
    ordering = ("key",)
    actions_detail = ("take_back", "replace_it")
    change_form_before_template = "staff/metering/event.html"

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> Any:
        """Find an event by its key: events are too numerous for a list of all of them."""
        term = search_term.strip()
        if not term or "\0" in term:
            return queryset.none(), False
        # The term is an id, or a source and an id with a space between; both may contain spaces, so each split is
        # tried.
        splits = [(term[:place], term[place + 1 :]) for place, letter in enumerate(term) if letter == " "]
        candidates = [("", term), *splits[:10]]
        keys = [
            event_key(id_, source=source, sandbox=sandbox) for source, id_ in candidates for sandbox in (False, True)
        ]
        return queryset.filter(pk__in=keys), False

    def get_fieldsets(self, request: HttpRequest, obj: Event | None = None) -> list[Any]:
        return []  # the template above the form shows everything

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("line/<int:line_id>/", view(line_events.page), name="billing_line_events"),
            path("line/<int:line_id>/events.csv", view(line_events.download), name="billing_line_events_csv"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        event = self.get_object(request, object_id)
        shown = {}
        if event is not None:
            traced = trace_event(event.key.hex)
            properties = msgspec.json.format(traced.row.properties) if traced else ""
            shown = {"title": f"Event {event.sender_id}", "event": event, "traced": traced, "properties": properties}
        return super().change_view(request, object_id, form_url, shown | (extra_context or {}))

    # Corrections ---------------------------------------------------------------------------------------------

    @action(description="Replace", icon="swap_horiz", permissions=["correct"])
    def replace_it(self, request: HttpRequest, object_id: str) -> HttpResponse:
        event = self._event(request, object_id)
        form = ReplacementForm(
            request.POST or None, initial={"event": _as_sent(read_by_key([event.key.hex])[event.key.hex])}
        )
        if request.method == "POST" and form.is_valid():
            problem = self._correct(request, event, replacement=form.cleaned_data["event"])
            if not problem:
                return HttpResponseRedirect(_page(event.key))
            form.add_error(None, problem)
        return self._ask(request, event, "Replace", form=form)

    @action(description="Take back", icon="undo", permissions=["correct"])
    def take_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        event = self._event(request, object_id)
        if request.method == "POST":
            problem = self._correct(request, event)
            if not problem:
                return HttpResponseRedirect(_page(event.key))
            messages.error(request, problem)
        return self._ask(request, event, "Take back")

    def has_correct_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm(CORRECT))

    def _ask(
        self, request: HttpRequest, event: Event, verb: str, form: ReplacementForm | None = None
    ) -> HttpResponse:
        traced = trace_event(event.key.hex)
        counted = [part for meter in traced.meters for part in meter.counted] if traced else []
        problems = ["It has been corrected already; an event is corrected once."] if _is_corrected(traced) else []
        consequences = [f"{part.feature} goes back by {part.quantity:f} at once." for part in counted]
        consequences += ["A period that is billed already is marked late; what was issued does not change."]
        consequences += ["The event itself stays, with this correction beside it. A reason is needed."]
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=event,
            title=f"{verb}: event {event.sender_id}",
            consequences=consequences,
            problems=problems,
            verb=verb,
            form=form,
            danger=form is None,
        )

    def _correct(self, request: HttpRequest, event: Event, *, replacement: str = "") -> str:
        """Correct the event; return the obstacle, or an empty string."""
        reason, at = request.POST.get("_reason", "").strip(), _time_of(event)
        if not reason:
            return "Say why: a correction keeps its reason for good."
        kind = "replace" if replacement else "void"
        body = json.dumps({"id": event.sender_id, "source": event.source, "kind": kind, "reason": reason[:500]})
        if replacement:
            body = f'{body[:-1]}, "replacement": {replacement}}}'
        try:
            corrections, refused, _ = parser.parse_corrections(
                body.encode(), sandbox=event.sandbox, at=at, oldest=at - MAX_AGE, newest=at + MAX_AHEAD
            )
            if refused:
                return f"{refused[0].field}: {refused[0].detail}"
            (outcome,) = correct_usage(corrections=corrections, sandbox=event.sandbox, at=at, by=request.user)
        except (parser.BodyRefused, CounterUnderflow) as error:
            return str(error)
        if outcome.status not in (ACCEPTED, DUPLICATE):
            return outcome.detail
        messages.success(request, "It is taken back." if kind == "void" else "It is replaced.")
        return ""

    def _event(self, request: HttpRequest, object_id: str) -> Event:
        event = self.get_object(request, object_id)
        if event is None:
            raise Http404(f"There is no event {object_id}.")
        if not self.has_correct_permission(request):
            raise PermissionDenied
        return event

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        event = self.get_object(request, str(object_id))
        corrected = event is None or _is_corrected(trace_event(event.key.hex))
        return [] if corrected else super().get_actions_detail(request, object_id)

    # Events are never edited --------------------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return False


def _time_of(event: Event) -> datetime:
    """Return the current time of the event's customer."""
    ids = [event.customer_id] if event.customer_id else []
    return clock_time(next(iter(test_clock_ids(ids).values()), None))


def _is_corrected(traced: Any) -> bool:
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


def _page(key: UUID) -> str:
    return reverse("admin:billing_event_change", args=[key])
