"""
What prepaid value comes to: which lots a spend takes, what it cost, what rolls over, what a pack is bought for.

Arithmetic without Django, clock or database. Units are credits, or money of one currency; both have 12 places.
"""
