"""Connections to Discord, or to a server that speaks its protocol."""
