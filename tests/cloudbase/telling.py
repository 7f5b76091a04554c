"""A canary for a key, and everything of an error that somebody could read."""

import traceback

from chat.cloudbase import errors

CANARY = "5f0e2b77"
"""In every key, at its beginning, so that a key that was cut shows too. It is like no vendor's
key, so that its shape gives nothing away."""


def everything_in(error):
    """All that a log, an error page or a collector of crashes could show of an error."""
    seen = [*traceback.TracebackException.from_exception(error, capture_locals=True).format()]
    while error is not None:
        seen += [repr(error), str(error), repr(error.args), repr(vars(error))]
        if isinstance(error, errors.CloudBaseError):
            seen.append(repr(error.as_dict()))
        error = error.__cause__ or error.__context__
    return "\n".join(seen)
