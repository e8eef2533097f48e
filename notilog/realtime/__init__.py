"""What is told at once to whoever listens now; nothing here is the truth, the database is."""
