"""From what was judged to what a person reads, in their language; pages and sockets show the same.

`checklist` shows one verdict, `board` all of them, `trials` what a tried connection came to.
"""
