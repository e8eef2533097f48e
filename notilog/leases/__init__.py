"""Leases: exactly one holder of a name at any time, whatever dies or stands still."""
