"""The tables, what reads and writes them, and the read models that commands and metrics share."""
