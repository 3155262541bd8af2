"""The light client: HTTP, exact numbers, keys and proofs, with no part of the enclave in it.

Answers come sealed to the analyst's own keys and are opened here. pyarrow and pandas are imported only by the methods of
`Release` that give their forms.
"""

from sandbox.client.connection import Connection, connect
from sandbox.client.key_store import FileKeyStore, KeyStore, MemoryKeyStore
from sandbox.client.query import Query, Running
from sandbox.client.quote import Quote
from sandbox.client.release import Release

__all__ = [
    "Connection",
    "FileKeyStore",
    "KeyStore",
    "MemoryKeyStore",
    "Query",
    "Quote",
    "Release",
    "Running",
    "connect",
]
