"""
Rules of prepaid value: the lots that a spend takes, their cost, rollover, and prices of packs.

Arithmetic without Django, clock or database. Units are credits, or money of one currency; both have 12 places.
"""
