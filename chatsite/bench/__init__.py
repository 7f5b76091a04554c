"""`manage.py bench`: what the streaming path costs, against a bare relay in the same run.

Everything runs in processes of their own: `upstream` speaks, our server and `relay` pass it on,
`load` reads and checks. `streams` leads them and `report` shows what came out.
"""
