"""The figures above the content of a page: what matters most about its row."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HeaderFigure:
    """A figure, with a note below it. is_bad: whether somebody has to act. link: the address of its rows."""

    name: str
    value: str
    note: str = ""
    is_bad: bool = False
    link: str = ""
