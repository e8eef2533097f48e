"""Calendars as files: reading what other programs export, writing what they understand."""
