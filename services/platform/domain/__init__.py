"""What decides: pure functions over facts, in core, linking, people and protection."""
