"""What was agreed with a subscription, in lists and on pages: it is only looked at, and ended."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.formats import date_format
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from billing.models import Override, SubscriptionCommitment
from billing.subscriptions.terms.price_overrides import OverrideRefused, next_period_start
from customers.customer_time import current_time

Agreement = Override | SubscriptionCommitment


def until(one: Agreement) -> str:
    """Return until when it holds; what ends as it starts was withdrawn."""
    if one.ends_at is None:
        return "on"
    return "withdrawn" if one.ends_at == one.starts_at else date_format(one.ends_at, "DATETIME_FORMAT")


class AgreementAdmin(ModelAdmin):
    """
    Agreements of one kind. A subclass says what they are, and ends one.

    end_title, end_consequences: what the page that asks before one is ended says; `ends` is when it would end.
    end_it: ends one, and returns what to tell then; it may raise OverrideRefused.
    """

    search_fields = ("subscription__external_id",)
    search_help_text = "A subscription's id"
    ordering = ("-pk",)
    actions_detail = ("end",)

    def end_title(self, one: Any) -> str:
        raise NotImplementedError

    def end_consequences(self, ends: str) -> list[str]:
        raise NotImplementedError

    def end_it(self, one: Any, *, by: Any, at: datetime) -> str:
        raise NotImplementedError

    @display(description="Until")
    def until_shown(self, one: Any) -> str:
        return until(one)

    @action(description="End", icon="event_busy", permissions=["end"])
    def end(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let the plan's own figures hold again."""
        one = self.get_object(request, object_id)
        if one is None:
            raise Http404(f"There is no {self.opts.verbose_name} {object_id}.")
        if not self.has_view_permission(request, one):
            raise PermissionDenied
        at = current_time(one.subscription.customer)
        problems: list[str] = []
        if request.method == "POST":
            try:
                messages.success(request, self.end_it(one, by=request.user, at=at))
                return HttpResponseRedirect(reverse("admin:billing_subscription_change", args=[one.subscription_id]))
            except OverrideRefused as refusal:
                problems.append(str(refusal))
        ends_at = max(next_period_start(one.subscription, at=at), one.starts_at)
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=one,
            title=self.end_title(one),
            consequences=self.end_consequences(date_format(ends_at, "DATETIME_FORMAT")),
            problems=problems,
            verb="End it",
        )

    def has_end_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm(f"billing.change_{self.opts.model_name}"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
