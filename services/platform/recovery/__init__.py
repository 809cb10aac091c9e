"""Fills a new service, recovers after a restore, and guards the one clock."""
