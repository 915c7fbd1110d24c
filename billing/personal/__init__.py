"""What is known of the people at a customer: handed out, and forgotten. docs/personal-data.md."""

from billing.personal.erasing import CannotErase, Erased, erase
from billing.personal.exporting import export
from billing.personal.refusing import why_not

__all__ = ["CannotErase", "Erased", "erase", "export", "why_not"]
