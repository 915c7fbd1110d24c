"""The lines of a period: usage, fees, quantities, true-ups and discounts."""
