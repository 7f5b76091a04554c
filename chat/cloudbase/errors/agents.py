"""Stage call: an agent refused or failed (CloudBase gateway, codes that begin with AGENT_)."""

from chat.cloudbase.errors.base import _
from chat.cloudbase.errors.call import ParameterRefused, ProviderFailed


class AgentParameterRefused(ParameterRefused):
    code = "agent_parameter_refused"
    user_message = _("The agent did not accept a parameter of the request.")


class AgentFailed(ProviderFailed):
    code = "agent_failed"
    user_message = _("The agent failed. Please try again in a moment.")


class AgentLookupFailed(AgentFailed):
    code = "agent_lookup_failed"
    fixable_by = "admin"
    is_retryable = False
    user_message = _(
        "The agent could not be found or loaded. An administrator can check that it exists."
    )


class AgentModelFailed(AgentFailed):
    code = "agent_model_failed"
    user_message = _("The model behind the agent failed. Please try again in a moment.")


class AgentKnowledgeFailed(AgentFailed):
    code = "agent_knowledge_failed"
    user_message = _("The agent could not search its knowledge base. Please try again in a moment.")
