"""The requests that save, change and delete views of lists, and choose columns."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.apps import apps
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from access.models import SavedView
from access.saved_views import ViewRefused, choose_columns, drop_order, rename_view, save_view
from config.admin_site.list_tools import SHARE, view_link
from lib.admin import StaffAdmin, is_allowed, list_url, require, staff_user
from lib.admin.list_views import VIEW_PARAMETER, list_name


def _refusals_shown(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Wrap a view so that a refusal is a message above the list."""

    @wraps(view)
    def wrapped(request: HttpRequest, **arguments: Any) -> HttpResponse:
        try:
            return view(request, **arguments)
        except ViewRefused as refusal:
            messages.error(request, str(refusal))
            return _list_response(_page(request), query=request.POST.get("query", ""))

    return wrapped


@_refusals_shown
def save_as_view(request: HttpRequest) -> HttpResponse:
    """Save the list as it is under a name."""
    page, is_shared = _page(request), "is_shared" in request.POST
    if is_shared:
        require(request, SHARE)
    view = save_view(
        user=staff_user(request),
        list_name=list_name(page),
        name=request.POST.get("name", ""),
        query=request.POST.get("query", ""),
        columns=_columns(request, page),
        is_shared=is_shared,
    )
    messages.success(request, _("The view “%(name)s” is saved.") % {"name": view.name})
    return _list_response(page, view)


@_refusals_shown
def change_view(request: HttpRequest, view_id: int) -> HttpResponse:
    """Rename or delete a view: an own one, or with the right to share views, one that somebody shares."""
    view = _find_view(request, view_id)
    page = _page(request, view.list_name)
    if request.POST.get("do") == "delete":
        view.delete()
        messages.success(request, _("The view “%(name)s” is deleted.") % {"name": view.name})
        return _list_response(page)
    rename_view(view, name=request.POST.get("name", ""))
    messages.success(request, _("The view is renamed to “%(name)s”.") % {"name": view.name})
    return _list_response(page, view)


def choose_list_columns(request: HttpRequest) -> HttpResponse:
    """Store the columns of the view in use; without one that the user may change, their own columns of the list."""
    page = _page(request)
    columns = [] if "reset" in request.POST else _columns(request, page)
    view_id = request.POST.get(VIEW_PARAMETER, "")
    view = _find_view(request, int(view_id)) if view_id.isascii() and view_id.isdecimal() else None
    choose_columns(user=staff_user(request), list_name=list_name(page), columns=columns, view=view)
    query = drop_order(request.POST.get("query", ""))
    if view is not None:
        return HttpResponseRedirect(list_url(page.model) + view_link(view.pk, query))
    return _list_response(page, query=query)


def _page(request: HttpRequest, name: str = "") -> StaffAdmin:
    """
    Return the page of the list that a request is about.

    :raises Http404: if there is no such list.
    :raises PermissionDenied: if the user may not see it.
    """
    try:
        page = admin.site._registry.get(apps.get_model(name or request.POST.get("list", "")))
    except (LookupError, ValueError) as error:
        raise Http404 from error
    if not isinstance(page, StaffAdmin):
        raise Http404
    if not page.has_view_or_change_permission(request):
        raise PermissionDenied
    return page


def _find_view(request: HttpRequest, view_id: int) -> SavedView:
    """:raises Http404: if it isn't there, or is not the user's to change."""
    changeable = Q(user=request.user.pk)
    if is_allowed(request, SHARE):
        changeable |= Q(is_shared=True)
    view = SavedView.objects.filter(changeable, pk=view_id).exclude(name="").first()
    if view is None:
        raise Http404
    return view


def _columns(request: HttpRequest, page: StaffAdmin) -> list[str]:
    offered = set(page.offered_columns(request))
    return list(dict.fromkeys(name for name in request.POST.getlist("columns") if name in offered))


def _list_response(page: StaffAdmin, view: SavedView | None = None, query: str = "") -> HttpResponse:
    if view is not None:
        return HttpResponseRedirect(list_url(page.model) + view_link(view.pk, view.query))
    return HttpResponseRedirect(f"{list_url(page.model)}?{query}" if query else list_url(page.model))
