"""Examines an installation and says what to do; in English, for whoever runs the server.

Nothing here writes, and nothing that it says holds a secret.
"""
