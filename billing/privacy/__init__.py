"""What is known of the people at a customer: handed out, and forgotten. docs/personal-data.md."""

from billing.privacy.data_export import export
from billing.privacy.erasure import CannotErase, Erased, erase
from billing.privacy.erasure_blockers import why_not

__all__ = ["CannotErase", "Erased", "erase", "export", "why_not"]
