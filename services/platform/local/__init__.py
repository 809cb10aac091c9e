"""Kafka and PostgreSQL for development and tests, and the story: not part of what is deployed."""
