"""Stage ours: a stream that was not read to its end."""

from chat.cloudbase.errors.base import CloudBaseError, _


class StreamLeft(CloudBaseError):
    code = "stream_left"
    stage = "ours"
    fixable_by = "nobody"
    user_message = _("Reading stopped before the answer ended; what had arrived was kept.")
