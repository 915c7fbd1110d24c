"""Events, corrections and usage over HTTP."""
