"""Personal data of a customer's contacts: export and erasure. docs/personal-data.md."""

from billing.privacy.data_export import export
from billing.privacy.erasure import ErasureRefused, ErasureResult, erase
from billing.privacy.erasure_blockers import find_erasure_blockers

__all__ = ["ErasureRefused", "ErasureResult", "erase", "export", "find_erasure_blockers"]
