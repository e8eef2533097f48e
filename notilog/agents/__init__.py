"""Agents: our program on other machines, what it is told to do, and whether it is well."""
