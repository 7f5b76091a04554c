"""Stage request: we refuse before anything is sent."""

from typing import ClassVar

from chat.cloudbase.errors.base import CloudBaseError, FixableBy, _


class RequestError(CloudBaseError):
    code = "request_error"
    stage = "request"
    fixable_by: ClassVar[FixableBy] = "admin"
    user_message = _("The request could not be built.")


class IllegalGroupName(RequestError):
    code = "group_name_illegal"
    user_message = _(
        'A model group is called "hunyuan-exp", "cloudbase" or "custom-" and a name of your own.'
    )


class GroupNameMissing(IllegalGroupName):
    code = "group_name_missing"
    user_message = _(
        'The name of the model group is missing. Write "cloudbase" for the managed models, '
        'or "custom-" and a name for a group of your own.'
    )


class GroupNameNotText(IllegalGroupName):
    code = "group_name_not_text"
    user_message = _(
        "The name of a model group is text, but a value of type %(type)s was given. "
        'Write "cloudbase" in quotation marks, for example.'
    )


class GroupNameHasSpaces(IllegalGroupName):
    code = "group_name_has_spaces"
    user_message = _(
        '"%(name)s" contains spaces. The name of a model group has none: write "%(suggestion)s".'
    )


class GroupNameWrongCase(IllegalGroupName):
    code = "group_name_wrong_case"
    user_message = _(
        '"%(name)s" contains capital letters. The name of a model group is written in small '
        'letters: write "%(suggestion)s".'
    )


class GroupNameIsBareCustom(IllegalGroupName):
    code = "group_name_is_bare_custom"
    user_message = _(
        '"%(name)s" alone is not a model group. Add the name you gave the group when you '
        'registered it: write "custom-name", for example "%(suggestion)s".'
    )


class GroupNameHasIllegalRest(IllegalGroupName):
    code = "group_name_has_illegal_rest"
    user_message = _(
        'What follows "custom-" in "%(name)s" must consist of small letters, digits, hyphens and '
        "underscores, begin and end with a letter or digit, and be at most 64 characters long: "
        'write "%(suggestion)s", for example.'
    )


class GroupNameIsVendor(IllegalGroupName):
    code = "group_name_is_vendor"
    user_message = _(
        '"%(name)s" is the name of a vendor, not of a model group. Use the group "%(suggestion)s" '
        "and name the vendor's model in the request."
    )


class GroupNameIsModel(IllegalGroupName):
    code = "group_name_is_model"
    user_message = _(
        '"%(name)s" is the name of a model, not of a model group. Use the group "%(suggestion)s" '
        "and name the model in the request."
    )


class GroupNameUnknown(IllegalGroupName):
    code = "group_name_unknown"
    user_message = _(
        'There is no model group "%(name)s". A group is "hunyuan-exp", "cloudbase" or a '
        'registered "custom-" group: did you mean "%(suggestion)s"?'
    )


class IllegalEnvironment(RequestError):
    code = "environment_illegal"
    user_message = _(
        '"%(name)s" is not the id of an environment. An id has 1 to 40 small letters, digits, '
        "hyphens and underscores."
    )


class IllegalBaseUrl(RequestError):
    code = "base_url_illegal"
    user_message = _(
        "The address of the model service must begin with http:// or https://, name a host, and "
        "contain neither a user name nor a question mark."
    )


class AddressForbidden(RequestError):
    code = "address_forbidden"
    user_message = _(
        "%(host)s leads to an address that is not public. Such an address is called only if the "
        "operator of this installation allows it: CHATSITE_PRIVATE_HOSTS=%(entry)s"
    )


class KeyMalformed(RequestError):
    code = "key_malformed"
    user_message = _(
        "The key contains characters that no key has, for example a line break or a full-width "
        "letter. Please paste it again."
    )


class KeyMissing(RequestError):
    code = "key_missing"
    user_message = _(
        "There is no key. Give an API key, an access token, or a secret id with its secret key."
    )


class KeysContradict(RequestError):
    code = "keys_contradict"
    user_message = _("An API key and an access token were given. Give only one of them.")


class SecretPairIncomplete(RequestError):
    code = "secret_pair_incomplete"
    user_message = _(
        "A secret id and a secret key belong together, and a temporary token belongs to both. "
        "A part is missing."
    )


class SecretPairMissing(RequestError):
    code = "secret_pair_missing"
    user_message = _(
        "Managing an environment takes a secret id and a secret key of its account; an API key "
        "is not enough. An administrator can enter them."
    )


class RequestUnwritable(RequestError):
    code = "request_unwritable"
    fixable_by: ClassVar[FixableBy] = "user"
    user_message = _(
        "The request holds something that cannot be sent, for example half a character (a lone "
        "surrogate). Please remove it."
    )
