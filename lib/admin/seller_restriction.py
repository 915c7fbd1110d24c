"""
Restricts staff users to the rows of some sellers: docs/access.md#restricted-staff.

Each page declares the way from its rows to their seller; everything that shows rows starts from its `get_queryset`:
lists and their totals, exports, selections, pages of rows and their actions, autocompletes and the search. Pages of
other kinds are closed to restricted users, unless they name a seller or are marked as narrowed: see `is_open_to`.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, TypeVar

from django.conf import settings
from django.contrib.admin.options import BaseModelAdmin
from django.core.exceptions import PermissionDenied
from django.db.models import F, Model, Q, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.module_loading import import_string

View = TypeVar("View", bound=Callable[..., Any])

OF_NO_SELLER: Final[tuple[str, ...]] = ()
"""The rows are shared by all sellers, such as the catalog: every user sees them."""

OF_ALL_SELLERS: Final = None
"""The rows concern several sellers at once, such as jobs: restricted users see none."""

_CACHE = "_staff_seller_ids"
_NARROWED = "is_narrowed_to_sellers"
_OPEN_PAGES = ("_changelist", "_add", "_export")
_OPEN_SITE_PAGES = frozenset(
    {
        *("index", "login", "logout", "app_list", "password_change", "password_change_done"),
        *("autocomplete", "search", "toggle_sidebar", "jsi18n", "view_on_site", "command", "help", "switch"),
        *("save_view", "change_view", "choose_columns"),
    }
)


def allowed_seller_ids(request: HttpRequest) -> frozenset[int] | None:
    """Return the sellers that the user is restricted to; None without a restriction. Read once for each request."""
    if not hasattr(request, _CACHE):
        # The library knows no sellers, so a setting names the function that reads the restriction.
        read: Any = import_string(settings.STAFF_SELLERS)
        setattr(request, _CACHE, read(request.user))
    seller_ids: frozenset[int] | None = getattr(request, _CACHE)
    return seller_ids


def limit_to_sellers(request: HttpRequest, rows: QuerySet[Any], *paths: str) -> QuerySet[Any]:
    """
    Return the rows that the user may see. paths: as `SellerRows.seller_paths`, at least one.
    """
    seller_ids = allowed_seller_ids(request)
    return rows if seller_ids is None else rows.filter(_is_of(seller_ids, rows, paths))


def _is_of(seller_ids: Collection[int], rows: QuerySet[Any], paths: Sequence[str]) -> Q:
    if len(paths) == 1:
        return Q(**{f"{paths[0]}__in": seller_ids})
    matching = rows.model._base_manager.annotate(row_seller=Coalesce(*map(F, paths)))
    return Q(pk__in=matching.filter(row_seller__in=seller_ids).values("pk"))


def narrowed_to_sellers(view: View) -> View:
    """Mark a page that shows users no other sellers than `limit_to_sellers` does: restricted users may request it."""
    setattr(view, _NARROWED, True)
    return view


def is_open_to(request: HttpRequest, view: Callable[..., Any]) -> bool:
    """
    Return whether the user may request this page of the admin site.

    Restricted users may request the standard pages, those of a row, those whose address names one of their sellers,
    and those that are narrowed to their sellers. Any other page may add up the rows of all sellers, so it is closed
    to them.
    """
    match, seller_ids = request.resolver_match, allowed_seller_ids(request)
    if match is None or seller_ids is None:
        return True
    name = match.url_name or ""
    if "seller_id" in match.kwargs:
        return match.kwargs["seller_id"] in seller_ids
    is_narrowed = getattr(view, _NARROWED, False)
    return is_narrowed or "object_id" in match.kwargs or name in _OPEN_SITE_PAGES or name.endswith(_OPEN_PAGES)


class SellerRows(BaseModelAdmin):  # type: ignore[type-arg]  # Django's class takes none at run time
    """
    A page whose rows restricted users see only if they belong to one of their sellers.

    seller_paths: lookups from a row to its seller; the first one that is not empty counts. Or OF_NO_SELLER, or
        OF_ALL_SELLERS. Each registered page declares it; one that forgot would be hidden.
    shared_paths: lookups to sellers that have dealings with the row; their users see it, but can't change it.
    """

    seller_paths: Sequence[str] | None = OF_ALL_SELLERS
    shared_paths: Sequence[str] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        seller_ids = allowed_seller_ids(request)
        if seller_ids is None or self.seller_paths == OF_NO_SELLER:
            return rows
        if self.seller_paths is OF_ALL_SELLERS:
            return rows.none()
        condition = _is_of(seller_ids, rows, self.seller_paths)
        for path in self.shared_paths:
            condition |= Q(pk__in=self.model._base_manager.filter(**{f"{path}__in": seller_ids}).values("pk"))
        return rows.filter(condition)

    def is_within_restriction(self, request: HttpRequest, row: Model | None) -> bool:
        """Return whether the user may change a row, or add rows at all."""
        seller_ids = allowed_seller_ids(request)
        if seller_ids is None or self.seller_paths == OF_NO_SELLER:
            return True
        if self.seller_paths is OF_ALL_SELLERS:
            return False
        own = self.model._base_manager.filter(pk=row.pk) if row is not None and row.pk else None
        return own is None or own.filter(_is_of(seller_ids, own, self.seller_paths)).exists()

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_hidden = self.seller_paths is OF_ALL_SELLERS and allowed_seller_ids(request) is not None
        return not is_hidden and super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest, *parent: Any) -> bool:
        return self.is_within_restriction(request, None) and super().has_add_permission(request, *parent)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self.is_within_restriction(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self.is_within_restriction(request, obj)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Refuse to add a row for another seller; runs in the transaction that stores the row."""
        self._require_own(request, obj)
        return super().log_addition(request, obj, message)  # type: ignore[misc]  # of ModelAdmin

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Refuse to move a row to another seller; runs in the transaction that stores the row."""
        self._require_own(request, obj)
        return super().log_change(request, obj, message)  # type: ignore[misc]  # of ModelAdmin

    def _require_own(self, request: HttpRequest, row: Any) -> None:
        if not self.is_within_restriction(request, row):
            raise PermissionDenied

    def get_field_queryset(self, db: Any, db_field: Any, request: HttpRequest) -> Any:
        return limited_choices(self, db_field, request, super().get_field_queryset(db, db_field, request))


def limited_choices(page: Any, db_field: Any, request: HttpRequest, choices: Any) -> Any:
    """Return the rows that a form offers for a field: of restricted users, those that their lists show."""
    if allowed_seller_ids(request) is None:
        return choices
    model = db_field.remote_field.model
    related_page = page.admin_site._registry.get(model)
    if not isinstance(related_page, SellerRows):
        return choices
    visible = related_page.get_queryset(request)
    return visible if choices is None else choices.filter(pk__in=visible.values("pk"))
