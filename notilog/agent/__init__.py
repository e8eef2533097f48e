"""What runs on other machines: a handler on the standard library alone, and the agent."""
