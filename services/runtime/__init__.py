"""The shell that all services share: the loop, the store, settings, logging, and the embedded servers."""
