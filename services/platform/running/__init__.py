"""Puts a worker together, and runs it as a process."""
