"""The sign-in of staff, and the limits of requests for everyone."""
