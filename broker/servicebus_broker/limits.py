"""Limits for one client and for all clients together."""

from dataclasses import dataclass

KIB, MIB = 1024, 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes are in bytes, times in seconds. The comments name the limit of Service Bus or its emulator.

    Depth of nesting and items of an array are bounded in the decoder, the size of a queue in its settings.
    """

    max_connections: int = 1000
    """At a time; one more is opened and closed with an error. Service Bus: 5,000 a namespace; the emulator: 10."""
    handshake_timeout: float = 30
    """From the connection to its ``open`` frame and its first valid token."""
    idle_timeout: float = 480
    """A peer that is silent for longer is gone; it is asked for a frame in half of that (240 s: Service Bus)."""
    min_heartbeat_interval: float = 0.5
    """A peer that asks for heartbeats more often than this is disconnected."""
    close_timeout: float = 5
    """For a peer to read what was written to it before the connection was closed."""

    max_frame_size: int = 64 * KIB
    """As Service Bus."""
    max_first_frame_size: int = 8 * KIB
    """Until a connection is open. AMQP says 512 bytes, which long properties of an ``open`` exceed."""
    max_message_size: int = MIB
    """Of a message or a batch as it is encoded. Service Bus: 256 KB (Standard), 1 MB by default (Premium)."""
    max_batch_messages: int = 4500
    """As Service Bus."""
    max_incomplete_bytes: int = 8 * MIB
    """Of messages of one connection whose last frame has not come."""
    max_total_incomplete_bytes: int = 64 * MIB
    """Of all connections; above it, the one that holds the most is closed."""
    frames_per_turn: int = 500
    """Handled for one connection before the others have their turn."""

    channel_max: int = 255
    """The highest channel: sessions of a connection, less one. Service Bus: 4,999."""
    handle_max: int = 1023
    """The highest handle: links of a session, less one. Service Bus: 4,999, or 255 for Standard."""
    max_links: int = 1024
    """Of a connection, in all its sessions."""
    max_total_sessions: int = 20_000
    max_total_links: int = 20_000
    """Of all connections, as the other totals."""
    max_unsettled: int = 65_536
    """Of a receiver; of more than these, the oldest are forgotten: by then their locks have expired."""
    max_total_unsettled: int = 500_000
    """Above it, a receiver's oldest are forgotten too."""

    max_output: int = 256 * KIB
    """Waiting for a slow reader. Above it nothing is delivered to a connection and nothing is read from it."""
    max_waiting_replies: int = MIB
    """Of one response link without credit; above it the link is closed."""


DEFAULT_LIMITS = Limits()
