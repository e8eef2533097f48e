"""Sockets: what people are told at once, and what agents and the platform tell one another."""
