"""The pages of staff users and groups."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as PlainGroupAdmin
from django.contrib.auth.admin import UserAdmin as PlainUserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import BooleanRadioFilter, RelatedDropdownFilter
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from customers.models import StaffSeller
from lib.admin import StaffInline
from lib.admin.seller_restriction import OF_ALL_SELLERS, SellerRows

admin.site.unregister(User)
admin.site.unregister(Group)


class StaffSellerInline(StaffInline):
    """The sellers that a user is restricted to. As with permissions, only superusers change them."""

    model = StaffSeller
    verbose_name = _("seller")
    verbose_name_plural = _("Restricted to these sellers (none: sees all)")
    autocomplete_fields = ("seller",)

    def has_view_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return True  # of the user's page

    def has_add_permission(self, request: HttpRequest, *parent: Any) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return bool(request.user.is_superuser)


@admin.register(User)
class UserAdmin(SellerRows, PlainUserAdmin, ModelAdmin):  # type: ignore[type-arg]  # Django's class takes none at run time
    seller_paths = OF_ALL_SELLERS
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "first_name", "last_name", "email", "is_staff", "is_active", "last_login")
    list_filter = (
        ("is_staff", BooleanRadioFilter),
        ("is_active", BooleanRadioFilter),
        ("groups", RelatedDropdownFilter),
    )
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email")}),
        (_("Permissions"), {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        (_("Activity"), {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("last_login", "date_joined")
    filter_horizontal = ("groups",)
    inlines = (StaffSellerInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Let only superusers change permissions."""
        fixed = super().get_readonly_fields(request, obj)
        return fixed if request.user.is_superuser else (*fixed, "is_superuser", "is_staff", "groups")


@admin.register(Group)
class GroupAdmin(SellerRows, PlainGroupAdmin, ModelAdmin):
    seller_paths = OF_ALL_SELLERS
    list_display = ("name",)
