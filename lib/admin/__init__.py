"""The kit of staff pages: bases of pages, actions with their permission and confirmation, links."""

from lib.admin.actions import page_action, row_action, selection_action
from lib.admin.confirmed_actions import ConfirmedAction, Preview, Response, Subject
from lib.admin.filters import ConditionFilter
from lib.admin.form_pages import FormPage
from lib.admin.links import link_to, list_url, page_url, staff_page
from lib.admin.permissions import PermissionRules, is_allowed, require, staff_user
from lib.admin.previewed_actions import PreviewedAction
from lib.admin.selection_actions import SelectionAction
from lib.admin.seller_restriction import (
    OF_ALL_SELLERS,
    OF_NO_SELLER,
    SellerRows,
    allowed_seller_ids,
    limit_to_sellers,
    narrowed_to_sellers,
)
from lib.admin.staff_admin import ReadOnlyAdmin, StaffAdmin, StaffInline
from lib.admin.staff_form import StaffForm

__all__ = [
    "OF_ALL_SELLERS",
    "OF_NO_SELLER",
    "ConditionFilter",
    "ConfirmedAction",
    "FormPage",
    "PermissionRules",
    "Preview",
    "PreviewedAction",
    "ReadOnlyAdmin",
    "Response",
    "SelectionAction",
    "SellerRows",
    "StaffAdmin",
    "StaffForm",
    "StaffInline",
    "Subject",
    "allowed_seller_ids",
    "is_allowed",
    "limit_to_sellers",
    "link_to",
    "list_url",
    "narrowed_to_sellers",
    "page_action",
    "page_url",
    "require",
    "row_action",
    "selection_action",
    "staff_page",
    "staff_user",
]
