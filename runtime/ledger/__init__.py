"""The record of every passage: append-only, hash-chained, signed, durable before bytes leave."""
