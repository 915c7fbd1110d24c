"""Simulations, test clocks and sandbox clones over HTTP."""
