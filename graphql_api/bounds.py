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
    max_message: int = 2**16
    max_operations: int = 100  # of one WebSocket, at once
    connections: int = 20_000  # that stay open
    connections_per_address: int = 2_000
    operation_time: int = 10  # seconds
    rate: int = 500_000  # cost that is given back in a second, to each key or user
    rate_burst: int = 5_000_000  # cost that may be had at once
    anonymous_rate: int = 1_000  # to each address that shows neither key nor session
    anonymous_burst: int = 20_000
