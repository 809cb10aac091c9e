"""The consumer group under which a service reads its streams."""


def group_of(service: str) -> str:
    """`relay.order-variations` of `order_variations`."""
    return f"relay.{service.replace('_', '-')}"
