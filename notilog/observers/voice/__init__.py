"""Who is in which voice channel, when: actions, sessions and what is counted of them."""
