"""
The pages that several apps share: each is registered here once, with its parts listed by name.

An app offers its part as a class on top of the model's own page, the lowest one in the list of bases. Parts don't
know
each other; where two of them define a method, the one further left is asked first and may call `super()`.
"""

from config.admin_site.pages import coupon, customer, invoice, meter, plan_version, seller, wallet

__all__ = ["coupon", "customer", "invoice", "meter", "plan_version", "seller", "wallet"]
