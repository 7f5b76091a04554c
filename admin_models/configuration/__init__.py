"""The whole configuration as a file without secrets: written, read, compared and merged.

docs/configuration-file.md describes the file for people.
"""
