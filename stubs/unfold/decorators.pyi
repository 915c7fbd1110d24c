from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.db.models.expressions import BaseExpression, Combinable

_F = TypeVar("_F", bound=Callable[..., Any])

def display(
    function: None = None,
    *,
    boolean: bool | None = ...,
    ordering: str | Combinable | BaseExpression | None = ...,
    description: str | None = ...,
    empty_value: str | None = ...,
    label: bool | str | Mapping[Any, str] | None = ...,
    header: bool | None = ...,
) -> Callable[[_F], _F]: ...
