"""The services of Referral Relay, the pure rules they share, and the shell that runs them."""
