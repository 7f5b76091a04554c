"""Stage ours: a function that a model called could not be run. Before it: what is no tool."""

from chat.cloudbase.errors.base import CloudBaseError, _
from chat.cloudbase.errors.request import RequestError


class StepsIllegal(RequestError):
    code = "steps_illegal"
    user_message = _("A call takes at least one step, but max_steps is %(max_steps)s.")


class ToolIllegal(RequestError):
    code = "tool_illegal"
    user_message = _(
        "A tool is a FunctionTool, or an object with the type function and a function that has "
        "a name."
    )


class ToolFailed(CloudBaseError):
    code = "tool_failed"
    stage = "ours"
    user_message = _('The tool "%(tool)s", which the model called, could not be used.')


class UnknownTool(ToolFailed):
    code = "tool_unknown"
    user_message = _(
        'The model called a tool "%(tool)s", which was not offered or has no function.'
    )


class ToolArgumentsInvalid(ToolFailed):
    code = "tool_arguments_invalid"
    user_message = _('The model called the tool "%(tool)s" with arguments that are no JSON object.')


class ToolRaised(ToolFailed):
    code = "tool_raised"
    user_message = _('The tool "%(tool)s", which the model called, failed.')


class ToolTimedOut(ToolFailed):
    code = "tool_timed_out"
    user_message = _('The tool "%(tool)s" took longer than %(seconds)s seconds.')


class ToolResultUnusable(ToolFailed):
    code = "tool_result_unusable"
    user_message = _('The result of the tool "%(tool)s" cannot be written as JSON.')
