"""Sockets: what people are told at once, over one connection that stays."""
