"""
Limits of requests per time that hold across all processes.

`buckets` counts; `throttle` is the limit of API keys.
"""
