"""The shared calendar: events, who takes part, and when they are reminded."""
