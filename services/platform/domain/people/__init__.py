"""Victims, their separate services, doubtful births, and the ordinary routes that concern a victim."""
