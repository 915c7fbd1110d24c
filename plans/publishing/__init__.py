"""How a plan version becomes active: readiness, plan check, approval, publication."""
