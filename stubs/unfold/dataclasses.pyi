from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from unfold.enums import ActionVariant

@dataclass
class UnfoldAction:
    action_name: str
    method: Callable[..., Any]
    description: str
    path: str
    variant: ActionVariant | None = ...

@dataclass
class SearchResult:
    title: str
    description: str
    link: str
    icon: str | None
