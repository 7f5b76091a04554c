"""Backups: made while the server runs, checked before anything is replaced by one."""
