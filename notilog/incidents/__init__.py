"""Incidents: what needs a person until it is resolved, and is told again until somebody acts."""
