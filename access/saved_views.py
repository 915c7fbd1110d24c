"""Save, change and delete views of lists. Which lists a user may see is for the caller to check."""

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from access.models import SavedView
from access.models.saved_views import MAX_QUERY
from lib.admin.list_views import ORDER_PARAMETER, ListView

MAX_VIEWS = 50
"""Maximum views of a user for one list: they stand above it as tabs."""
MAX_NAME = 60


class ViewRefused(ValueError):
    """The view can't be saved; the text gives the reason and the remedy."""


def read_list_views(user: User, list_name: str) -> list[ListView]:
    """Return a user's views of a list and those that others share, by name."""
    rows = SavedView.objects.filter(Q(user=user.pk) | Q(is_shared=True), list_name=list_name).select_related("user")
    return [
        ListView(
            pk=row.pk,
            name=row.name,
            query=row.query,
            columns=tuple(row.columns),
            is_own=row.user_id == user.pk,
            is_shared=row.is_shared,
            owner="" if row.user_id == user.pk else row.user.get_username(),
        )
        for row in rows.order_by("name", "pk")
    ]


def save_view(
    *, user: User, list_name: str, name: str, query: str, columns: Sequence[str] = (), is_shared: bool = False
) -> SavedView:
    """
    Store a view; one of the same name of the user is replaced.

    :raises ViewRefused: if it has no name, is too long, or the user has `MAX_VIEWS` of the list.
    """
    name = _check_name(name)
    if len(query) > MAX_QUERY:
        raise ViewRefused(_("The list has too many filters for a view. Remove some."))
    own = SavedView.objects.filter(user=user, list_name=list_name).exclude(name__in=("", name))
    if own.count() >= MAX_VIEWS:
        raise ViewRefused(_("This list has %(most)s views of yours. Delete some.") % {"most": MAX_VIEWS})
    values = {"query": query, "columns": list(columns), "is_shared": is_shared}
    view, _created = SavedView.objects.update_or_create(user=user, list_name=list_name, name=name, defaults=values)
    return view


def choose_columns(*, user: User, list_name: str, columns: Sequence[str], view: SavedView | None = None) -> None:
    """
    Store the columns of a view, or without one, the user's columns of the list; none for the list's own.

    A view loses its order, which is by the number of a column.
    """
    if view is not None:
        view.columns, view.query = list(columns), drop_order(view.query)
        view.save(update_fields=["columns", "query"])
        return
    SavedView.objects.update_or_create(
        user=user, list_name=list_name, name="", defaults={"columns": list(columns), "query": ""}
    )


def drop_order(query: str) -> str:
    """Return a query without its order."""
    return urlencode([(name, value) for name, value in parse_qsl(query) if name != ORDER_PARAMETER])


def rename_view(view: SavedView, *, name: str) -> None:
    """
    Rename a view.

    :raises ViewRefused: if its user has one of this name for the list.
    """
    view.name = _check_name(name)
    try:
        with transaction.atomic():
            view.save(update_fields=["name"])
    except IntegrityError as error:
        raise ViewRefused(_("There is a view “%(name)s” already.") % {"name": view.name}) from error


def _check_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME:
        raise ViewRefused(_("Enter a name of up to %(most)s characters.") % {"most": MAX_NAME})
    return name
