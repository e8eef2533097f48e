"""Alerts: rules that look at every stored record and tell people of what matches."""
