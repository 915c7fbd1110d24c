"""A page's declaration restricts Django's permissions and never adds to them."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.test import RequestFactory

from lib.admin import ReadOnlyAdmin, StaffAdmin, StaffInline
from lib.admin.seller_restriction import OF_NO_SELLER
from plans.models import Coupon, Promotion

pytestmark = pytest.mark.django_db

EVERYTHING = ("add", "change", "delete")


class OpenPage(StaffAdmin):
    pass


class PageWithoutDeletion(StaffAdmin):
    allows = ("add", "change")


class PageOfUnredeemed(StaffAdmin):
    def is_editable(self, coupon):
        return not coupon.redeemed


class PageOfArchived(PageOfUnredeemed):
    def is_deletable(self, coupon):
        return True


class PromotionRows(StaffInline):
    model = Promotion

    def is_editable(self, coupon):
        return not coupon.redeemed


def request_of(*verbs, model="coupon"):
    user = User.objects.create_user(f"user-{User.objects.count()}", is_staff=True)
    codenames = [f"{verb}_{model}" for verb in (*verbs, "view")]
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    request = RequestFactory().get("/")
    request.user = user
    return request


def allowed(page, request, *row):
    """Return which of add, change and delete a page allows. row: an object, or an inline's parent."""
    parent = row if isinstance(page, StaffInline) else ()
    checks = {
        "add": page.has_add_permission(request, *parent),
        "change": page.has_change_permission(request, *row),
        "delete": page.has_delete_permission(request, *row),
    }
    return tuple(verb for verb, is_allowed in checks.items() if is_allowed)


PAGES = [
    # page               user's permissions  redeemed  allowed
    (OpenPage, EVERYTHING, 0, EVERYTHING),
    (OpenPage, ("add",), 0, ("add",)),
    (OpenPage, (), 0, ()),
    (ReadOnlyAdmin, EVERYTHING, 0, ()),
    (PageWithoutDeletion, EVERYTHING, 0, ("add", "change")),
    (PageWithoutDeletion, ("delete",), 0, ()),
    (PageOfUnredeemed, EVERYTHING, 0, EVERYTHING),
    (PageOfUnredeemed, EVERYTHING, 1, ("add",)),
    (PageOfArchived, EVERYTHING, 1, ("add", "delete")),
    (PageOfArchived, ("add",), 1, ("add",)),
]


@pytest.mark.parametrize(("page", "verbs", "redeemed", "expected"), PAGES)
def test_a_page_allows_what_both_its_rules_and_django_allow(page, verbs, redeemed, expected):
    assert allowed(page(Coupon, admin.site), request_of(*verbs), Coupon(redeemed=redeemed)) == expected


ROWS = [
    # user's permissions  parent                allowed
    (EVERYTHING, Coupon(redeemed=0), EVERYTHING),
    (EVERYTHING, None, EVERYTHING),
    (EVERYTHING, Coupon(redeemed=1), ()),
    ((), Coupon(redeemed=0), ()),
]


@pytest.mark.parametrize(("verbs", "parent", "expected"), ROWS)
def test_the_rows_of_an_inline_change_with_their_parent(verbs, parent, expected):
    rows = PromotionRows(Coupon, admin.site)
    assert allowed(rows, request_of(*verbs, model="promotion"), parent) == expected


class CouponList(ReadOnlyAdmin):
    seller_paths = OF_NO_SELLER


def test_a_read_only_page_can_still_be_viewed():
    page = CouponList(Coupon, admin.site)
    assert page.has_view_permission(request_of(), Coupon())
    assert not page.has_view_permission(request_of(model="invoice"), Coupon())
