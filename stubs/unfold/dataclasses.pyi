from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

@dataclass
class UnfoldAction:
    action_name: str
    method: Callable[..., Any]
    description: str
    path: str

@dataclass
class SearchResult:
    title: str
    description: str
    link: str
    icon: str | None
