"""How facts find their people: references, links, merged records, defendants."""
