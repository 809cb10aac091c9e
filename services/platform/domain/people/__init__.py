"""Victims, safe contact and doubtful births, and the ordinary routes that concern a victim."""
