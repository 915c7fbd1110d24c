"""What stands above each list: tabs of its saved views, and the forms that save a view and choose columns."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin.utils import label_for_field
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from lib.admin.list_views import VIEW_PARAMETER, ListView, StaffChangeList, current_view, list_name, list_views
from lib.admin.permissions import is_allowed

SHARE = "access.share_savedview"
"""The right to share views with all staff, and to change those that others share."""


@dataclass(frozen=True, slots=True)
class ViewTab:
    """A tab above a list. link: the query of the address."""

    title: str
    link: str
    is_current: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """A column that a list offers."""

    name: str
    title: str
    is_shown: bool


@dataclass(frozen=True, slots=True)
class ListTools:
    """What stands above a list: tabs of its views, and forms that save a view and choose columns."""

    list_name: str
    query: str
    tabs: list[ViewTab]
    columns: list[ColumnChoice]
    chosen: list[str]
    view: ListView | None
    may_change: bool
    may_share: bool


def list_tools(request: HttpRequest, changelist: Any) -> ListTools | None:
    """Return what stands above a list; None if it has no views."""
    page = changelist.model_admin
    if not isinstance(changelist, StaffChangeList):
        return None
    view, views = current_view(request, page), [view for view in list_views(request, page) if view.name]
    named = view if view is not None and view.name else None
    shown = [str(name) for name in changelist.list_display if name != "action_checkbox"]
    offered = [*shown, *(name for name in page.offered_columns(request) if name not in shown)]
    tabs = [ViewTab(_("All"), "?", named is None and not changelist.saved_query)]
    tabs += [_tab(saved, is_current=named is not None and saved.pk == named.pk) for saved in views]
    return ListTools(
        list_name=list_name(page),
        query=changelist.saved_query,
        tabs=tabs if views else [],
        columns=[ColumnChoice(name, _title(page, name), name in shown) for name in offered],
        chosen=shown if view is not None and view.columns else [],
        view=named,
        may_change=named is not None and (named.is_own or is_allowed(request, SHARE)),
        may_share=is_allowed(request, SHARE),
    )


def view_link(view_id: int, query: str) -> str:
    """Return the query of the address of a list with a view."""
    parameters = urlencode({VIEW_PARAMETER: view_id})
    return f"?{parameters}&{query}" if query else f"?{parameters}"


def _tab(view: ListView, *, is_current: bool) -> ViewTab:
    note = ""
    if view.is_shared:
        note = _("shared by %(user)s") % {"user": view.owner} if view.owner else _("shared by you")
    return ViewTab(view.name, view_link(view.pk, view.query), is_current, note)


def _title(page: Any, name: str) -> str:
    return str(capfirst(str(label_for_field(name, page.model, page))))
