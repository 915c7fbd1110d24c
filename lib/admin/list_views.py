"""
Saved views of lists, and the columns that a user has chosen: docs/access.md#saved-views.

A list's address names the view in use (`?view=7`), so that its columns stay while its filters change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string
from unfold.views import ChangeList

VIEW_PARAMETER = "view"
ORDER_PARAMETER = "o"

_CACHE = "_list_views"


@dataclass(frozen=True, slots=True)
class ListView:
    """
    A saved view. name: empty for the user's own columns of the list, without a view.

    columns: names in order; empty for the list's own. is_own: whether it is the user's. owner: who shares it, if
        somebody else does.
    """

    pk: int
    name: str
    query: str
    columns: tuple[str, ...]
    is_own: bool
    is_shared: bool
    owner: str = ""


class StaffChangeList(ChangeList):
    """A list whose address may name a saved view, which is no filter."""

    def get_filters_params(self, params: Any = None) -> Any:
        filters = super().get_filters_params(params)
        filters.pop(VIEW_PARAMETER, None)
        return filters

    @property
    def saved_query(self) -> str:
        """The filters, search and order of the list, as a view stores them."""
        parameters = {name: values for name, values in self.filter_params.items() if name != VIEW_PARAMETER}
        return urlencode(sorted(parameters.items()), doseq=True)


def list_name(page: Any) -> str:
    """Return the name under which views of a list are stored."""
    return str(page.opts.label_lower)


def list_views(request: HttpRequest, page: Any) -> Sequence[ListView]:
    """Return the views of a list that the user may use, by name, in one query for each request."""
    views_by_list = request.__dict__.setdefault(_CACHE, {})
    name = list_name(page)
    if name not in views_by_list:
        # The library knows no users' views, so a setting names the function that reads them.
        read: Any = import_string(settings.STAFF_LIST_VIEWS)
        views_by_list[name] = read(request.user, name)
    views: Sequence[ListView] = views_by_list[name]
    return views


def current_view(request: HttpRequest, page: Any) -> ListView | None:
    """Return the view that the address names; without one, the user's own columns, if they chose some."""
    wanted = request.GET.get(VIEW_PARAMETER, "")
    views = list_views(request, page)
    named = next((view for view in views if view.name and str(view.pk) == wanted), None)
    return named or next((view for view in views if not view.name), None)


def chosen_columns(request: HttpRequest, page: Any, offered: Sequence[Any]) -> list[Any]:
    """Return the columns of the current view that the list still offers; none if there is no choice."""
    view = current_view(request, page)
    return [name for name in view.columns if name in offered] if view else []
