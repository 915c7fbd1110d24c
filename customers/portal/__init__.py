"""The customers' own pages: sign-in, sessions, and access to their rows. docs/portal.md."""
