"""The trusted data-sharing sandbox.

Names here are the public face of the light client; everything else is reached by its room.
"""

__version__ = "0.1.0"
