"""The services of Referral Relay, the pure rules they share, and the unit of work that runs them."""
