"""The release of this software, as certificates and logs name it."""

VERSION = "0.1.0"
