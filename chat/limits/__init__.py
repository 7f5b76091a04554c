"""Limits: what may still be used.

rules       which limits there are, and whom and what each concerns
periods     when an hour, a day or a month begins and ends
counting    what a ledger row is of a limit, and what all of them come to
holds       counters, and what is under way
admission   may this answer begin?
notices     what to say to a person before a limit is reached
standings   how much of each limit is used, for those who look after the site
changes     limits are set, changed, switched and deleted; each change is recorded
words       a limit as people read it
"""
