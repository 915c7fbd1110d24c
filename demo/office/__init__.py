"""
The work of the demo's office: promotions, price changes, migrations, limits, bank statements, refunds, approvals.

data/office.toml lists it. Each part skips its existing work, so the demo can be repeated.
"""

from demo.office.build import add_all

__all__ = ["add_all"]
