"""The register of protective orders, and what takes their grounds away."""
