"""What all services share: domain, policy, storage, streaming, recovery, and the local run for development."""
