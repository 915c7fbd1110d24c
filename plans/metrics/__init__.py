"""
Arithmetic of the subscription metrics: recurring revenue, its movements, retention, cohorts, forecast and margin.

No Django, no clock, no I/O: exact fractions and decimals in and out. Each rate is computed from exact figures, never
from a rounded rate; docs/metrics.md defines each figure with worked numbers.
"""
