"""
Who may call the API, and how every call is received and refused.

`keys` issues, rotates and revokes; `authentication`, `permissions` and `throttling` stand before each view; `parsing`
reads bodies; `idempotency` makes a repeated POST one; `problems` and `requests` shape every refusal (RFC 9457);
`pagination` and `fields` shape lists and values; `openapi` describes all of it. REST_FRAMEWORK in the settings names
them, so that apps which may not import this one (plans) get them all the same.
"""
