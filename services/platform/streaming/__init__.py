"""From records of Kafka to committed batches and published notifications."""
