"""The search in the audit log: by person, object, field and time, among the tables that the user may see."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pghistory.core
from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from access.models import AccountEvent, AuditEntry
from access.models.audit_log import TrackedGroup, TrackedGroupRight, TrackedMembership, TrackedUser, TrackedUserRight
from lib.admin import StaffForm

SHOWN_BY: Mapping[type[Model], type[Model]] = {
    TrackedUser: User,
    TrackedMembership: User,
    TrackedUserRight: User,
    TrackedGroup: Group,
    TrackedGroupRight: Group,
}
"""Tracked tables without a page of their own → the model whose page decides who may see their changes."""

ACCOUNT_EVENTS = AccountEvent._meta.db_table


def history_tables() -> list[Any]:
    """Return the event models, whose classes pghistory makes at run time."""
    return list(pghistory.core.event_models())


def visible_tables(request: HttpRequest) -> dict[str, type[Model]]:
    """Return the tables of recorded changes that the user may see, by name, each with the changed model."""
    tables: dict[str, type[Model]] = {}
    for history in history_tables():
        model = history.pgh_tracked_model
        page = admin.site._registry.get(SHOWN_BY.get(model, model))
        if page is not None and page.has_view_or_change_permission(request):
            tables[history._meta.db_table] = model
    if admin.site._registry[User].has_view_permission(request):
        tables[ACCOUNT_EVENTS] = AccountEvent
    return tables


class LogSearchForm(StaffForm):
    """The search in the audit log: an entry must match every field that is filled in."""

    person = forms.ModelChoiceField(label=_("Person"), queryset=User.objects.none(), required=False)
    kind = forms.ChoiceField(label=_("Object"), required=False)
    number = forms.CharField(label=_("ID"), max_length=64, required=False)
    field = forms.CharField(label=_("Field"), max_length=63, required=False)
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, tables: Mapping[str, type[Model]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tables = tables
        self.fields["person"].queryset = User.objects.filter(is_staff=True).order_by("username")
        names = sorted((capfirst(str(model._meta.verbose_name)), table) for table, model in tables.items())
        self.fields["kind"].choices = [("", _("any")), *((table, name) for name, table in names)]

    def search(self) -> QuerySet[AuditEntry]:
        """Return the matching entries, newest first."""
        matching = AuditEntry.objects.filter(source__in=self.tables)
        if not self.is_valid():
            return matching.none() if self.is_bound else matching.order_by("-at", "-pk")
        chosen = self.cleaned_data
        conditions = Q()
        if chosen["person"]:
            conditions &= Q(user_id=chosen["person"].pk)
        if chosen["kind"]:
            conditions &= Q(source=chosen["kind"])
        if chosen["number"]:
            conditions &= Q(object_id=chosen["number"])
        if chosen["field"]:
            conditions &= Q(fields__contains=[column_name(chosen["field"])])
        if chosen["since"]:
            conditions &= Q(at__gte=datetime.combine(chosen["since"], time(), UTC))
        if chosen["until"]:
            conditions &= Q(at__lt=datetime.combine(chosen["until"], time(), UTC) + timedelta(days=1))
        return matching.filter(conditions).order_by("-at", "-pk")


def column_name(label: str) -> str:
    """Return a field as it is recorded: “Legal name” is `legal_name`."""
    return "_".join(label.lower().split())


def in_parts(entries: QuerySet[AuditEntry], *, size: int) -> Iterator[Sequence[AuditEntry]]:
    """Yield entries newest first, in lists of at most `size`, each by its own statement."""
    last: AuditEntry | None = None
    while part := list(older_than(entries, last)[:size]):
        yield part
        last = part[-1]


def older_than(entries: QuerySet[AuditEntry], last: AuditEntry | None) -> QuerySet[AuditEntry]:
    """Return the entries that follow the last one of a page; all of them without one."""
    if last is None:
        return entries
    return entries.filter(Q(at__lt=last.at) | Q(at=last.at, pk__lt=last.pk))
