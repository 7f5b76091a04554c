"""Wiring: settings, server, commands. Loaded before everything else."""

from chatsite import memory

memory.spare_wamp()
memory.spare_tls()
