"""Real servers for the tests: PostgreSQL and Redis from the wheels, RabbitMQ from Debian."""
