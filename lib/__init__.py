"""Code that several apps use and that knows no billing."""
