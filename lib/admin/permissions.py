"""Permissions of staff pages, declared instead of overridden."""

from collections.abc import Collection
from typing import Any

from django.contrib.admin.options import BaseModelAdmin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest


def require(request: HttpRequest, permission: str) -> None:
    """
    Refuse users without a permission, such as "billing.view_period"; without a name, let everybody in.

    :raises PermissionDenied: if the user lacks it; the text is the permission's name, for the page of the refusal.
    """
    if not is_allowed(request, permission):
        raise PermissionDenied(permission)


def is_allowed(request: HttpRequest, permission: str) -> bool:
    return not permission or bool(request.user.has_perm(permission))


def staff_user(request: HttpRequest) -> User:
    """
    Return who is signed in.

    :raises PermissionDenied: if nobody is, which the admin site rules out.
    """
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


class PermissionRules(BaseModelAdmin):  # type: ignore[type-arg]  # Django's class takes none at run time
    """
    Restricts what Django's permissions allow, on a model's page or in an inline; it never allows more.

    allows: of "add", "change" and "delete", those that the page offers at all. Viewing is Django's permission alone.
    """

    allows: Collection[str] = ("add", "change", "delete")

    def is_editable(self, row: Any) -> bool:
        """Return whether a row may change; for an inline, whether the rows of this parent may."""
        return True

    def is_deletable(self, row: Any) -> bool:
        return self.is_editable(row)

    def has_add_permission(self, request: HttpRequest, *parent: Any) -> bool:
        """parent: passed to inlines only, and None while the parent is added."""
        fits = all(row is None or self.is_editable(row) for row in parent)
        return "add" in self.allows and fits and super().has_add_permission(request, *parent)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        fits = obj is None or self.is_editable(obj)
        return "change" in self.allows and fits and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        fits = obj is None or self.is_deletable(obj)
        return "delete" in self.allows and fits and super().has_delete_permission(request, obj)
