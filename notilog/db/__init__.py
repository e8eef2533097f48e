"""The database: metadata, pools over several hosts, and the one way to write."""
