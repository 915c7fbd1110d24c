"""
Subscription metrics: recurring revenue by month with its movements, retention and cohorts, per seller and currency.

`balances` holds the one statement that every figure is read from; docs/metrics.md defines the figures.
"""
