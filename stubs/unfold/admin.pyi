# Not generic, as Django's classes take no parameter at run time: a page names its rows in its own methods.
from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.dataclasses import UnfoldAction

class ModelAdmin(admin.ModelAdmin[Any]):
    actions_list: Sequence[str | Mapping[str, Any]]
    actions_detail: Sequence[str | Mapping[str, Any]]
    actions_row: Sequence[str | Mapping[str, Any]]
    list_filter_submit: bool
    warn_unsaved_form: bool
    list_before_template: str | None
    list_after_template: str | None
    change_form_before_template: str | None
    change_form_after_template: str | None
    change_form_outer_before_template: str | None
    change_form_outer_after_template: str | None
    def get_actions_detail(self, request: HttpRequest, object_id: int | str) -> list[UnfoldAction]: ...
    def _filter_unfold_actions_by_permissions(
        self, request: HttpRequest, actions: list[UnfoldAction], object_id: int | str | None = ...
    ) -> list[UnfoldAction]: ...
    def _create_formsets(self, request: HttpRequest, obj: Any, change: bool) -> tuple[list[Any], list[Any]]: ...
    def _filter_actions_by_permissions(self, request: HttpRequest, actions: list[Any]) -> list[Any]: ...

class _Inline:
    hide_title: bool
    tab: bool
    collapsible: bool

class TabularInline(_Inline, admin.TabularInline[Any, Any]): ...
class StackedInline(_Inline, admin.StackedInline[Any, Any]): ...
