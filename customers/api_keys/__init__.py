"""
API keys, and the handling of every API request: authentication, permissions, throttling and idempotency.

`keys` issues, rotates and revokes keys; `authentication`, `permissions` and `anonymous_throttle` run before each
view; `idempotency` gives a repeated POST one effect; `middleware` gives every response its headers and every refusal
its form (RFC 9457). REST_FRAMEWORK and IDEMPOTENT_ANSWER in the settings name them, so that `lib` and apps that may
not import this one (plans) use them as well.
"""
