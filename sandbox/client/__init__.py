"""The light client: HTTP, exact numbers and proofs, with no part of the enclave in it.

pyarrow and pandas are imported only by `Release.to_arrow` and `Release.to_pandas`.
"""

from sandbox.client.connection import Connection, connect
from sandbox.client.query import Query, Quote, Running
from sandbox.client.release import Release

__all__ = ["Connection", "Query", "Quote", "Release", "Running", "connect"]
