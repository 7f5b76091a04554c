"""Stage request: a picture that no service would draw as it is asked for.

`params` always name the `field`, as it is spelt on the wire, and hold the numbers of the rule.
"""

from typing import ClassVar

from chat.cloudbase.errors.base import FixableBy, _
from chat.cloudbase.errors.request import RequestError


class IllegalImageInput(RequestError):
    code = "image_input_illegal"
    fixable_by: ClassVar[FixableBy] = "user"
    user_message = _("The picture cannot be drawn as it was asked for.")


class ImageParameterMissing(IllegalImageInput):
    code = "image_parameter_missing"
    user_message = _('The picture has no "%(field)s", or an empty one. Please fill it in.')


class ImageParameterTooLong(IllegalImageInput):
    code = "image_parameter_too_long"
    user_message = _(
        '"%(field)s" has %(length)s characters, but may have at most %(maximum)s. '
        "Please shorten it."
    )


class ImageParameterOutOfRange(IllegalImageInput):
    code = "image_parameter_out_of_range"
    user_message = _(
        '"%(field)s" is %(value)s, but must be between %(minimum)s and %(maximum)s, both included.'
    )


class ImageCountNotOne(IllegalImageInput):
    code = "image_count_not_one"
    user_message = _(
        '"%(field)s" is %(value)s, but one request draws one picture: write %(maximum)s, or leave '
        '"%(field)s" out.'
    )


class ImageSizeMalformed(IllegalImageInput):
    code = "image_size_malformed"
    user_message = _(
        '"%(value)s" is not a size. Write "%(field)s" as WIDTHxHEIGHT in pixels, for '
        'example "%(suggestion)s".'
    )


class ImageSideOutOfRange(IllegalImageInput):
    code = "image_side_out_of_range"
    user_message = _(
        '"%(field)s" is %(value)s, but width and height must each be between %(minimum)s '
        "and %(maximum)s pixels."
    )


class ImageAreaTooLarge(IllegalImageInput):
    code = "image_area_too_large"
    user_message = _(
        '"%(field)s" is %(value)s, which is %(area)s pixels in all; width times height may be at '
        "most %(maximum)s."
    )


class ImagesTooMany(IllegalImageInput):
    code = "images_too_many"
    user_message = _(
        '"%(field)s" holds %(count)s pictures, but the model %(model)s takes at most %(maximum)s.'
    )


class ImageParameterNotForModel(IllegalImageInput):
    code = "image_parameter_not_for_model"
    user_message = _('The model %(model)s does not know "%(field)s". Please leave it out.')


class ImageParameterNotForVersion(IllegalImageInput):
    code = "image_parameter_not_for_version"
    user_message = _(
        '"%(field)s" works only with the version %(version)s. Choose that version, or leave '
        '"%(field)s" out.'
    )


class ImageParameterUnknown(IllegalImageInput):
    code = "image_parameter_unknown"
    fixable_by = "admin"
    user_message = _(
        '"%(field)s" is not a parameter of the model %(model)s. Did you mean "%(suggestion)s"?'
    )


class ImageParameterWrongType(IllegalImageInput):
    """`expected` and `given` are the names of JSON types."""

    code = "image_parameter_wrong_type"
    fixable_by = "admin"
    user_message = _('"%(field)s" must be of the type %(expected)s, but %(given)s was given.')


class ImageSwitchMalformed(IllegalImageInput):
    """What is a boolean for one model is an object for another; `suggestion` is JSON."""

    code = "image_switch_malformed"
    fixable_by = "admin"
    user_message = _(
        '"%(field)s" is written differently for the model %(model)s: write %(suggestion)s.'
    )


class ImageModelOfOtherKind(IllegalImageInput):
    code = "image_model_of_other_kind"
    fixable_by = "admin"
    user_message = _(
        'The "%(field)s" %(value)s takes other parameters than these: use %(suggestion)s.'
    )
