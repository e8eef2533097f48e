"""People: accounts, sessions, API tokens and what each may do."""
