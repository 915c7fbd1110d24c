"""
Sign-in of staff, on django-allauth: password, passkey or single sign-on, and a second factor.

`adapter` and `second_factor` say how allauth's flows differ here; `lock_out` delays guessing.
"""
