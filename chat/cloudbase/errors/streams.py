"""Stage ours: a stream that was not read to its end."""

from chat.cloudbase.errors.base import CloudBaseError, _


class StreamLeft(CloudBaseError):
    code = "stream_left"
    stage = "ours"
    fixable_by = "nobody"
    user_message = _("The answer was left before its end; what had arrived was kept.")
