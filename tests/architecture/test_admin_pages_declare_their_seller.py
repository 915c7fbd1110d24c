"""Every page of the admin declares how its rows lead to their seller, so that staff can be restricted to sellers."""

import pytest
from django.contrib import admin
from django.contrib.admin.utils import get_fields_from_path

from customers.models import Seller
from lib.admin.seller_restriction import OF_ALL_SELLERS, OF_NO_SELLER, SellerRows
from lib.admin.staff_admin import StaffAdmin

PAGES = list(admin.site._registry.items())


@pytest.mark.parametrize(("model", "page"), PAGES, ids=lambda part: getattr(part, "__name__", ""))
def test_a_registered_page_declares_the_seller_of_its_rows(model, page):
    assert isinstance(page, SellerRows)
    assert any("seller_paths" in vars(base) for base in type(page).__mro__ if base not in (SellerRows, StaffAdmin))
    if page.seller_paths in (OF_NO_SELLER, OF_ALL_SELLERS):
        return
    for path in (*page.seller_paths, *page.shared_paths):
        field = get_fields_from_path(model, path)[-1]
        assert (Seller if field.primary_key else field.related_model) is Seller, path


def test_pages_that_narrow_their_rows_still_ask_for_the_restricted_ones():
    """A page that overrides `get_queryset` calls `super()`, so `SellerRows` comes before Django's own page."""
    for _, page in PAGES:
        order = [base.__name__ for base in type(page).__mro__]
        assert order.index("SellerRows") < order.index("ModelAdmin")
