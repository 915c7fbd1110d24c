"""
Actions of staff pages: a button, the permission that it needs, and the view behind it.

Each action checks its permission itself, so that hiding the button is not what protects it.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from unfold.enums import ActionVariant

from lib.admin.permissions import require
from lib.translation import Text

View = Callable[..., HttpResponseBase | None]
AnyView = TypeVar("AnyView", bound=View)


def always(row: Any) -> bool:
    return True


def page_action(label: Text, *, permission: str = "", **look: Any) -> Callable[[View], View]:
    """Turn a method (request) into a button above a list. look: icon, url_path, variant and attrs of the theme."""

    def decorate(method: View) -> View:
        @wraps(method)
        def view(page: Any, request: HttpRequest) -> HttpResponseBase | None:
            require(request, permission)
            return method(page, request)

        return as_button(view, label, permission, **look)

    return decorate


def selection_action(label: Text, *, permission: str) -> Callable[[View], View]:
    """Turn a method (request, queryset) into an action on the selected rows of a list."""

    def decorate(method: View) -> View:
        @wraps(method)
        def view(page: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponseBase | None:
            require(request, permission)
            return method(page, request, queryset)

        return as_button(view, label, permission)

    return decorate


def row_action(
    label: Text, *, permission: str = "", is_offered: Callable[[Any], bool] = always, **look: Any
) -> Callable[[View], View]:
    """
    Turn a method (request, row) into a button on a row's page.

    permission: besides the permission to view the row. is_offered: whether the row's state fits; it only hides the
    button.
    """

    def decorate(method: View) -> View:
        @wraps(method)
        def view(page: Any, request: HttpRequest, object_id: str) -> HttpResponseBase | None:
            require(request, permission)
            return method(page, request, page.find(request, object_id))

        return as_button(view, label, permission, is_offered=is_offered, **look)

    return decorate


def as_button(
    view: AnyView,
    label: Text,
    permission: str,
    *,
    icon: str | None = None,
    variant: ActionVariant = ActionVariant.DEFAULT,
    attrs: dict[str, str] | None = None,
    url_path: str = "",
    is_offered: Callable[[Any], bool] = always,
) -> AnyView:
    """Return a view with what the theme reads of an action."""
    look: dict[str, Any] = {"icon": icon, "variant": variant, "attrs": attrs or {}}
    if url_path:
        look["url_path"] = url_path
    vars(view).update(look, short_description=label, permission=permission, is_offered=is_offered)
    return view
