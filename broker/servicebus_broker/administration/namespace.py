"""The namespace, which is the broker itself."""

from servicebus_broker.administration.atom import INSTANCE, NAMESPACE, SERVICE_BUS, Entry, element, leaf, timestamp

# The tier that accepts messages of more than 256 KB.
_SKU = "Premium"


def namespace_entry(url: str, started_at: float) -> Entry:
    """The answer to `get_namespace_properties`; the namespace is created with the process."""
    content = element(
        "NamespaceInfo",
        leaf("CreatedTime", timestamp(started_at))
        + leaf("MessagingSKU", _SKU)
        + leaf("MessagingUnits", "1")
        + leaf("ModifiedTime", timestamp(started_at))
        + leaf("Name", NAMESPACE)
        + leaf("NamespaceType", "Messaging"),
        {"xmlns": SERVICE_BUS, "xmlns:i": INSTANCE},
    )
    return Entry(NAMESPACE, f"{url}$namespaceinfo", started_at, started_at, content)
