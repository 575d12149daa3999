"""How much clients may ask for, in one operation and over time; each of these is a setting."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    max_document: int = 2**17  # characters; the rest of a body are variables
    max_tokens: int = 2_000
    max_depth: int = 12
    max_aliases: int = 30
    max_mutations: int = 10  # root fields of one mutation
    max_directives: int = 50
    max_comparisons: int = 10_000  # of fields that share a response name
    max_cost: int = 20_000
    max_page: int = 100
    max_errors: int = 5
    max_body: int = 2**20  # bytes
    arrival_time: int = 20  # seconds for what precedes the body, and again for the body
    reading_time: int = 20  # seconds in which a client reads nothing of what it is sent
    http_connections: int = 20_000  # an event stream is one of them, a WebSocket none
    http_connections_per_address: int = 2_000
    max_message: int = 2**16
    max_operations: int = 100  # of one WebSocket, at once
    begin_time: int = 5  # seconds until connection_init
    ping_interval: int = 20  # seconds between the pings of a WebSocket
    pong_time: int = 20  # seconds for the answer to a ping
    connections: int = 20_000  # that stay open: WebSockets and event streams
    connections_per_address: int = 2_000
    max_subscriptions: int = 2_000  # that differ
    max_value: int = 2**20  # bytes of what a subscription sends
    first_value_time: int = 5  # seconds until a subscription has something to say
    operation_time: int = 10  # seconds
    rate: int = 500_000  # cost that is given back in a second, to each key or user
    rate_burst: int = 5_000_000  # cost that may be had at once
    anonymous_rate: int = 1_000  # to each address that shows neither key nor session
    anonymous_burst: int = 20_000
