"""The bases of staff pages: ModelAdmin with declared permissions, buttons and context."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.text import capfirst
from unfold.admin import ModelAdmin, TabularInline
from unfold.dataclasses import UnfoldAction
from unfold.enums import ActionVariant

from lib.admin.actions import always
from lib.admin.filters import field_filter
from lib.admin.list_views import StaffChangeList, chosen_columns
from lib.admin.permissions import PermissionRules, is_allowed
from lib.admin.sandbox_switch import SwitchedRows
from lib.admin.seller_restriction import SellerRows, limited_choices
from lib.translation import Text

FurtherPages = Sequence[tuple[str, str | Callable[..., HttpResponseBase], str]]
"""Pages below a model's list: (route, view or the name of the method, name of the URL)."""


class StaffAdmin(PermissionRules, SellerRows, SwitchedRows, ModelAdmin):
    """
    A model's list, the newest rows first, and the page of a row.

    list_select_related: related rows that the list and the page of a row read along.
    fixed_fields: fields that can't change once the row is stored.
    has_form: False if a template above the form shows everything.
    extra_columns: columns that a list offers besides those that it shows at first.
    empty_text: shown in place of a list without rows: its future content, and how to begin.
    empty_title: heading of this text; default: that there are no rows yet.
    further_pages: pages below the list.
    lists_currencies: whether the page of a row has the list of suggestions for currencies that are typed in rows.
    primary_actions: buttons of a row's page; the first of them that is offered is the primary one.
    """

    ordering: ClassVar[tuple[str, ...]] = ("-pk",)
    fixed_fields: Sequence[str] = ()
    extra_columns: Sequence[str] = ()
    has_form = True
    lists_currencies = False
    empty_text: Text = ""
    empty_title: Text = ""
    further_pages: FurtherPages = ()
    primary_actions: Sequence[str] = ()

    def get_urls(self) -> list[URLPattern]:
        pages = [
            path(route, self.admin_site.admin_view(getattr(self, view) if isinstance(view, str) else view), name=name)
            for route, view, name in self.further_pages
        ]
        return [*pages, *super().get_urls()]

    def find(self, request: HttpRequest, object_id: str) -> Any:
        """
        Return a row for an action on it.

        :raises Http404: if it doesn't exist.
        :raises PermissionDenied: if the user may not view it, or it is shared with sellers of other users.
        """
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404(f"There is no {self.opts.verbose_name} {object_id}.")
        if not (self.has_view_permission(request, row) and self.is_within_restriction(request, row)):
            raise PermissionDenied
        return row

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return the context of the templates on a row's page, in addition to the form's."""
        return {}

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Read values for the columns of many rows at once: for the rows of a list's page, or of a part of a file."""

    def own_columns(self, request: HttpRequest) -> Sequence[Any]:
        """Return the columns that the list shows unless its user chooses others."""
        columns: Sequence[Any] = super().get_list_display(request)
        return columns

    def offered_columns(self, request: HttpRequest) -> list[Any]:
        """Return the columns that a user can choose from, the list's own first."""
        return list(dict.fromkeys([*self.own_columns(request), *self.extra_columns]))

    def get_list_display(self, request: HttpRequest) -> Any:
        return chosen_columns(request, self, self.offered_columns(request)) or self.own_columns(request)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return StaffChangeList

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist = super().get_changelist_instance(request)
        self.prepare_rows(request, changelist.result_list)
        return changelist

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        title = {"title": capfirst(str(self.opts.verbose_name_plural))}
        return super().changelist_view(request, title | (extra_context or {}))

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Show each field that is filtered by with the theme's widget for its type."""
        entries = super().get_list_filter(request)
        return [field_filter(self.model, entry) if isinstance(entry, str) else entry for entry in entries]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        related = self.list_select_related
        return rows.select_related(*related) if isinstance(related, list | tuple) else rows

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fieldsets(request, obj) if self.has_form else []

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        readonly = super().get_readonly_fields(request, obj)
        return (*readonly, *self.fixed_fields) if obj else readonly

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return {} if obj else super().get_prepopulated_fields(request, obj)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        if obj is not None:
            context.update(self.page_context(request, obj))
        return super().render_change_form(request, context, add, change, form_url, obj)

    def get_actions_detail(self, request: HttpRequest, object_id: int | str) -> list[UnfoldAction]:
        """Offer the actions that fit the row's state, and mark the primary one."""
        return self._mark_primary(self._offered_actions(request, object_id))

    def _mark_primary(self, actions: list[UnfoldAction]) -> list[UnfoldAction]:
        names = [f"{self.opts.app_label}_{self.opts.model_name}_{name}" for name in self.primary_actions]
        offered = {action.action_name for action in actions}
        primary = next((name for name in names if name in offered), None)
        return [
            replace(action, variant=ActionVariant.PRIMARY) if action.action_name == primary else action
            for action in actions
        ]

    def _offered_actions(self, request: HttpRequest, object_id: int | str) -> list[UnfoldAction]:
        """Return the actions that fit the row's state; the row is read only if that matters."""
        actions = super().get_actions_detail(request, object_id)
        rules = [getattr(action.method, "is_offered", always) for action in actions]
        if all(rule is always for rule in rules):
            return actions
        row = self.get_object(request, str(object_id))
        return [action for action, rule in zip(actions, rules, strict=True) if row is not None and rule(row)]

    # Actions name a permission, where Django and the theme expect the name of a method that checks it --------------

    def _filter_unfold_actions_by_permissions(
        self, request: HttpRequest, actions: list[UnfoldAction], object_id: int | str | None = None
    ) -> list[UnfoldAction]:
        allowed = super()._filter_unfold_actions_by_permissions(request, actions, object_id)
        return [action for action in allowed if is_allowed(request, getattr(action.method, "permission", ""))]

    def _filter_actions_by_permissions(self, request: HttpRequest, actions: list[Any]) -> list[Any]:
        allowed = super()._filter_actions_by_permissions(request, actions)
        return [action for action in allowed if is_allowed(request, getattr(action[0], "permission", ""))]


class ReadOnlyAdmin(StaffAdmin):
    """Rows that staff read and change by actions alone."""

    allows = ()


class StaffInline(PermissionRules, TabularInline):
    """Rows on the page of another row, below the name that the table has itself."""

    extra = 0
    hide_title = True

    def get_field_queryset(self, db: Any, db_field: Any, request: HttpRequest) -> Any:
        return limited_choices(self, db_field, request, super().get_field_queryset(db, db_field, request))
