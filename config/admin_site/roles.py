"""The page of a group, on which an administrator composes a role from permissions."""

from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as PlainGroupAdmin
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from lib.admin import StaffAdmin
from lib.admin.seller_restriction import OF_ALL_SELLERS

VERBS = ("view", "add", "change", "delete")

admin.site.unregister(Group)  # registered by Django, with the page that this one replaces


@dataclass(slots=True)
class PermissionRow:
    """
    The permissions of one model.

    by_verb: for each of `VERBS`, the permission or None. others: further ones.
    """

    name: str
    by_verb: dict[str, Permission | None] = field(default_factory=lambda: dict.fromkeys(VERBS))
    others: list[Permission] = field(default_factory=list)


class PermissionTable(forms.CheckboxSelectMultiple):
    """A table with a row for each model of the admin, and a checkbox for each of its permissions."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        chosen = {int(pk) for pk in value or []}
        context = {"name": name, "chosen": chosen, "apps": group_by_app(offered_permissions())}
        return render_to_string("staff/permission_table.html", context)


def offered_permissions() -> QuerySet[Permission]:
    """Return the permissions on the models that have a page in the admin."""
    types = ContentType.objects.get_for_models(*admin.site._registry)
    permissions = Permission.objects.filter(content_type__in=types.values())
    return permissions.select_related("content_type").order_by("content_type__app_label", "content_type__model", "pk")


def group_by_app(permissions: QuerySet[Permission]) -> dict[str, list[PermissionRow]]:
    """Return the name of an app → the rows of its models."""
    rows_by_app: dict[str, dict[str, PermissionRow]] = {}
    for permission in permissions:
        kind = permission.content_type
        app_name = capfirst(str(apps.get_app_config(kind.app_label).verbose_name))
        rows = rows_by_app.setdefault(app_name, {})
        row = rows.setdefault(kind.model, PermissionRow(capfirst(str(kind.name))))
        verb = permission.codename.removesuffix(f"_{kind.model}")
        if verb in VERBS:
            row.by_verb[verb] = permission
        else:
            row.others.append(permission)
    return {app_name: list(rows.values()) for app_name, rows in rows_by_app.items()}


class RoleForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class takes none at run time
    permissions = forms.ModelMultipleChoiceField(
        Permission.objects.none(), label=_("Permissions"), required=False, widget=PermissionTable
    )

    class Meta:
        model = Group
        fields = ("name", "permissions")
        widgets = {"name": UnfoldAdminTextInputWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["permissions"].queryset = offered_permissions()  # type: ignore[attr-defined]

    def clean_permissions(self) -> QuerySet[Permission]:
        """Return the chosen permissions, and those of the group that the table doesn't offer."""
        chosen: QuerySet[Permission] = self.cleaned_data["permissions"]
        if self.instance.pk is None:
            return chosen
        kept = self.instance.permissions.exclude(pk__in=offered_permissions())
        return Permission.objects.filter(Q(pk__in=chosen) | Q(pk__in=kept))


@admin.register(Group)
class GroupAdmin(StaffAdmin, PlainGroupAdmin):
    """Only superusers change groups: a user who adds a permission to a group could add it to their own."""

    seller_paths = OF_ALL_SELLERS
    form = RoleForm
    list_display = ("name",)
    search_fields = ("name",)
    ordering = ("name",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return bool(request.user.is_superuser)
