"""Small tables of public codes, as data beside the contract: only the rows that the relay reads."""
