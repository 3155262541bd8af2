"""`sandbox demo`: the governed line on real data, told as a story of people, in well under a minute.

A throw-away enclave is started, five people get their credentials, the RAND Health Insurance Experiment is loaded, an
analyst requests a grant and asks over HTTP, a reviewer decides on a held release, a grant is revoked, and an outsider checks
the log. The demonstration holds the file too, so it prints the exact value beside each private one; no analyst could.
"""

from sandbox.demo.command import demo_command

__all__ = ["demo_command"]
