"""What may be asked of the models that draw, what is sent, and what comes back."""

import asyncio
import json
from contextlib import asynccontextmanager

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.cloudbase import CloudBase, HttpPool, Patience, errors
from chat.cloudbase.image_inputs import (
    HunyuanARImageInput,
    HunyuanImageInput,
    image_input,
)
from tests.cloudbase.telling import CANARY, everything_in
from tests.fakes.environment_state import API_KEY

BOAT = {
    "id": "img-01",
    "created": 1760000000,
    "data": [{"url": "https://images.example/boat.png", "revised_prompt": "A small paper boat"}],
}
V104 = "hunyuan-image-v3.0-v1.0.4"
V101 = "hunyuan-image-v3.0-v1.0.1"
I2I = "HY-Image-v3.0-I2I-ToB-v1.0.1"
SHORT = Patience(connect=0.01, first_byte=0.01, idle=0.01)


def legacy(**fields):
    return HunyuanImageInput(**{"prompt": "a boat", **fields})


def ar(**fields):
    return HunyuanARImageInput(**{"prompt": "a boat", **fields})


@asynccontextmanager
async def drawing(*answers, provider="hunyuan-image", patience=SHORT, key="key-1"):
    """An image model behind which there is no network; each request gets the next answer."""
    left, requests = list(answers), []

    async def answer(request):
        requests.append(request)
        await asyncio.sleep(0.05)  # longer than SHORT: a picture takes its time
        return left.pop(0)

    async with HttpPool(transport=httpx.MockTransport(answer), backoff=0.001) as pool:
        app = CloudBase(env="env-demo", api_key=key, http=pool, patience=patience)
        yield app.ai().create_image_model(provider), requests


# ── rules ───────────────────────────────────────────────────────────────────────────────────


LEGAL = [
    legacy(),
    legacy(model="hunyuan-image-v2.1"),
    legacy(version="v1.8.1", size="768x1280"),
    legacy(version="v2.0"),
    legacy(size="1280x768"),
    legacy(size="1279x769"),
    *(
        legacy(version="v1.9", size=size)
        for size in ("1024x1024", "1024x768", "1152x864", "768x1024", "864x1152")
    ),
    *(
        legacy(version="v1.9", size=size)
        for size in ("1280x768", "768x1280", "1280x720", "720x1280", "1000x1000")
    ),
    legacy(version="v1.9", negative_prompt="clouds", style="古风二次元风格"),
    legacy(version="v1.9", style="a style nobody wrote down"),
    legacy(revise=False),
    legacy(n=1),
    legacy(seed=1),
    legacy(seed=4294967295),
    legacy(footnote="十六个字符正好十六个字符正好啊啊"),
    legacy(footnote=""),
    legacy(prompt="x" * 100_000),
    ar(),
    ar(prompt="船" * 8192),
    ar(prompt="🛶" * 8192),
    ar(size="512x2048"),
    ar(size="2048x512"),
    ar(size="1024x1024"),
    ar(size="1280x720"),
    ar(model=V101, size="1280x1280"),
    ar(model=V101, size="1x1"),
    ar(model="hunyuan-image-v3.0-v1.0.5", size="4096x4096"),
    ar(model="HY-Image-3.0-Plus-4090-Tob-v1.0"),
    ar(seed=1),
    ar(seed=4294967295),
    ar(footnote="x" * 16),
    ar(revise={"value": True}, enable_thinking={"value": False}),
    ar(image_urls=["u1", "u2", "u3"], images=("i1", "i2", "i3")),
    ar(model=I2I, image_urls=["u1"], images=["i1"]),
]


@pytest.mark.parametrize("given", LEGAL, ids=repr)
def test_what_is_legal_is_sent_as_it_is(given):
    sent = json.loads(given.body())
    assert sent["prompt"] == given.prompt
    for name, value in sent.items():
        held = getattr(given, name)
        assert value == (list(held) if isinstance(held, tuple) else held)


ILLEGAL = [
    # the prompt
    (legacy, {"prompt": None}, errors.ImageParameterMissing, "prompt"),
    (legacy, {"prompt": " \n"}, errors.ImageParameterMissing, "prompt"),
    (legacy, {"prompt": 7}, errors.ImageParameterWrongType, "prompt"),
    (ar, {"prompt": ""}, errors.ImageParameterMissing, "prompt"),
    (ar, {"prompt": "x" * 8193}, errors.ImageParameterTooLong, "prompt"),
    (ar, {"model": V101, "prompt": "x" * 8193}, errors.ImageParameterTooLong, "prompt"),
    # the model
    (legacy, {"model": V104}, errors.ImageModelOfOtherKind, "model"),
    (legacy, {"model": "hunyuan-image-v3"}, errors.ImageModelOfOtherKind, "model"),
    (legacy, {"model": ""}, errors.ImageParameterMissing, "model"),
    (ar, {"model": "hunyuan-image"}, errors.ImageModelOfOtherKind, "model"),
    (ar, {"model": None}, errors.ImageParameterMissing, "model"),
    # the size
    *(
        (make, {"size": size}, errors.ImageSizeMalformed, "size")
        for make in (legacy, ar)
        for size in ("", "1024", "1024X1024", "1024×1024", "1024x", " 1024x1024", "1024x1024\n")
    ),
    (ar, {"model": V101, "size": "large"}, errors.ImageSizeMalformed, "size"),
    (ar, {"size": "１０２４x1024"}, errors.ImageSizeMalformed, "size"),
    (ar, {"size": "9" * 5000 + "x1"}, errors.ImageSizeMalformed, "size"),
    (ar, {"size": [1024, 1024]}, errors.ImageParameterWrongType, "size"),
    (legacy, {"size": "767x1024"}, errors.ImageSideOutOfRange, "size"),
    (legacy, {"size": "1024x767"}, errors.ImageSideOutOfRange, "size"),
    (legacy, {"size": "1281x1024"}, errors.ImageSideOutOfRange, "size"),
    (legacy, {"size": "1024x1281"}, errors.ImageSideOutOfRange, "size"),
    (legacy, {"size": "1280x720"}, errors.ImageSideOutOfRange, "size"),
    (legacy, {"size": "1281x768", "version": "v1.9"}, errors.ImageSideOutOfRange, "size"),
    (ar, {"size": "511x512"}, errors.ImageSideOutOfRange, "size"),
    (ar, {"size": "512x2049"}, errors.ImageSideOutOfRange, "size"),
    (ar, {"size": "1025x1024"}, errors.ImageAreaTooLarge, "size"),
    (ar, {"size": "1280x1280"}, errors.ImageAreaTooLarge, "size"),
    # numbers
    *(
        (make, {"seed": seed}, errors.ImageParameterOutOfRange, "seed")
        for make in (legacy, ar)
        for seed in (0, -1, 4294967296, 10**5000)
    ),
    (ar, {"seed": 1.5}, errors.ImageParameterWrongType, "seed"),
    (ar, {"seed": "7"}, errors.ImageParameterWrongType, "seed"),
    (ar, {"seed": True}, errors.ImageParameterWrongType, "seed"),
    (legacy, {"n": 0}, errors.ImageCountNotOne, "n"),
    (legacy, {"n": 2}, errors.ImageCountNotOne, "n"),
    (legacy, {"n": True}, errors.ImageParameterWrongType, "n"),
    # the watermark
    (legacy, {"footnote": "x" * 17}, errors.ImageParameterTooLong, "footnote"),
    (ar, {"footnote": "船" * 17}, errors.ImageParameterTooLong, "footnote"),
    (ar, {"footnote": 2026}, errors.ImageParameterWrongType, "footnote"),
    # what only one version knows
    (legacy, {"style": "校园风格"}, errors.ImageParameterNotForVersion, "style"),
    (legacy, {"negative_prompt": "x"}, errors.ImageParameterNotForVersion, "negative_prompt"),
    (
        legacy,
        {"negative_prompt": "x", "version": "v1.8.1"},
        errors.ImageParameterNotForVersion,
        "negative_prompt",
    ),
    (legacy, {"version": ""}, errors.ImageParameterMissing, "version"),
    (legacy, {"version": 1.9}, errors.ImageParameterWrongType, "version"),
    (legacy, {"version": "v1.9", "style": ["x"]}, errors.ImageParameterWrongType, "style"),
    # switches
    (legacy, {"revise": {"value": True}}, errors.ImageSwitchMalformed, "revise"),
    (legacy, {"revise": "yes"}, errors.ImageParameterWrongType, "revise"),
    (ar, {"revise": True}, errors.ImageSwitchMalformed, "revise"),
    (ar, {"revise": {"value": "yes"}}, errors.ImageSwitchMalformed, "revise"),
    (ar, {"revise": {}}, errors.ImageSwitchMalformed, "revise"),
    (ar, {"revise": 1}, errors.ImageParameterWrongType, "revise"),
    (ar, {"enable_thinking": False}, errors.ImageSwitchMalformed, "enable_thinking"),
    (ar, {"enable_thinking": {"on": True}}, errors.ImageSwitchMalformed, "enable_thinking"),
    # pictures to go by
    (ar, {"image_urls": list("1234")}, errors.ImagesTooMany, "image_urls"),
    (ar, {"images": list("1234")}, errors.ImagesTooMany, "images"),
    (ar, {"model": I2I, "image_urls": ["1", "2"]}, errors.ImagesTooMany, "image_urls"),
    (ar, {"model": I2I, "images": ["1", "2"]}, errors.ImagesTooMany, "images"),
    (ar, {"images": "1"}, errors.ImageParameterWrongType, "images"),
    (ar, {"images": [""]}, errors.ImageParameterMissing, "images"),
    (ar, {"images": [b"1"]}, errors.ImageParameterWrongType, "images"),
]


@pytest.mark.parametrize(("make", "fields", "kind", "field"), ILLEGAL)
def test_what_is_illegal_never_becomes_an_input(make, fields, kind, field):
    with pytest.raises(errors.IllegalImageInput) as caught:
        make(**fields)
    assert (type(caught.value), caught.value.params["field"]) == (kind, field)
    assert caught.value.stage == "request"
    assert field in str(caught.value)
    json.dumps(caught.value.as_dict())


@pytest.mark.parametrize(
    ("make", "fields", "sentence"),
    [
        (ar, {"revise": True}, 'write {"value": true}.'),
        (ar, {"enable_thinking": False}, 'write {"value": false}.'),
        (legacy, {"revise": {"value": False}}, "write false."),
        (legacy, {"revise": {}}, "write true."),
        (ar, {"size": "511x512"}, "between 512 and 2048 pixels"),
        (ar, {"size": "1280x1280"}, "1638400 pixels in all; width times height may be at most"),
        (ar, {"seed": 0}, '"seed" is 0, but must be between 1 and 4294967295'),
        (legacy, {"n": 4}, "write 1, or leave"),
        (legacy, {"style": "x"}, "only with the version v1.9"),
        (ar, {"model": "hunyuan-image"}, "use HunyuanImageInput"),
        (legacy, {"model": V104}, "use HunyuanARImageInput"),
        (ar, {"footnote": "x" * 17}, "has 17 characters, but may have at most 16"),
    ],
)
def test_a_refusal_says_what_to_write(make, fields, sentence):
    with pytest.raises(errors.IllegalImageInput) as caught:
        make(**fields)
    assert sentence in str(caught.value)


def test_what_looks_like_a_key_is_not_repeated():
    key = "sk-abcdef1234567890"
    for fields in ({"size": key}, {"model": key}, {key: 1}):
        with pytest.raises(errors.IllegalImageInput) as caught:
            image_input({"model": V104, "prompt": "x", "n": 1} | fields)
        assert key not in str(caught.value.as_dict())


@settings(deadline=None)
@given(st.integers(min_value=1, max_value=4096), st.integers(min_value=1, max_value=4096))
def test_a_size_is_legal_when_its_sides_and_its_area_are(width, height):
    is_legal = 512 <= width <= 2048 and 512 <= height <= 2048 and width * height <= 1048576
    try:
        ar(size=f"{width}x{height}")
    except errors.IllegalImageInput:
        assert not is_legal
    else:
        assert is_legal


@pytest.mark.parametrize(
    ("fields", "is_off"),
    [
        ({}, False),
        ({"size": "1024x768"}, False),
        ({"size": "1152x960"}, False),
        ({"size": "1000x1024"}, True),
        ({"size": "1024x1000"}, True),
        ({"size": "1152x864"}, True),
        ({"size": "1152x864", "version": "v1.9"}, False),
        ({"size": "1280x720", "version": "v1.9"}, False),
        ({"size": "1000x1000", "version": "v1.9"}, True),
    ],
)
def test_a_size_off_the_grid_is_legal_but_comes_with_advice(fields, is_off):
    codes = [advice.code for advice in legacy(**fields).advice]
    assert codes == (["image_size_off_the_grid"] if is_off else [])


def test_advice_is_a_sentence_and_the_newer_models_need_none():
    (advice,) = legacy(size="1000x1024").advice
    assert (advice.field, advice.params["size"]) == ("size", "1000x1024")
    assert '"1000x1024" are not multiples of 64' in str(advice)
    assert ar(size="1000x1024").advice == ()


# ── keyword arguments ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("hunyuan-image", HunyuanImageInput),
        ("hunyuan-image-v1", HunyuanImageInput),
        ("hunyuan-image-v2.1-turbo", HunyuanImageInput),
        ("hunyuan-image-v10", HunyuanARImageInput),
        (V104, HunyuanARImageInput),
        ("HY-Image-3.0-Plus-4090-Tob-v1.0", HunyuanARImageInput),
        ("something-newer", HunyuanARImageInput),
    ],
)
def test_the_model_decides_which_parameters_there_are(model, kind):
    assert image_input({"model": model, "prompt": "x", "seed": None}) == kind("x", model=model)


@pytest.mark.parametrize(
    ("fields", "kind", "facts"),
    [
        ({"model": None}, errors.ImageParameterMissing, {"field": "model"}),
        ({"prompt": None}, errors.ImageParameterMissing, {"field": "prompt"}),
        ({"sise": "1x1"}, errors.ImageParameterUnknown, {"field": "sise", "suggestion": "size"}),
        ({"promt": "x"}, errors.ImageParameterUnknown, {"field": "promt", "suggestion": "prompt"}),
        (
            {"enableThinking": True},
            errors.ImageParameterUnknown,
            {"field": "enableThinking", "suggestion": "enable_thinking"},
        ),
        ({"n": 1}, errors.ImageParameterNotForModel, {"field": "n", "model": V104}),
        ({"version": "v1.9"}, errors.ImageParameterNotForModel, {"field": "version"}),
        ({"style": "x"}, errors.ImageParameterNotForModel, {"field": "style"}),
        ({"negative_prompt": "x"}, errors.ImageParameterNotForModel, {"field": "negative_prompt"}),
        (
            {"model": "hunyuan-image", "enable_thinking": {"value": True}},
            errors.ImageParameterNotForModel,
            {"field": "enable_thinking"},
        ),
        (
            {"model": "hunyuan-image", "images": ["x"]},
            errors.ImageParameterNotForModel,
            {"field": "images"},
        ),
    ],
)
async def test_a_wrong_parameter_is_named_and_nothing_is_sent(fields, kind, facts):
    async with drawing() as (model, requests):
        with pytest.raises(kind) as caught:
            await model.generate_image(**{"model": V104, "prompt": "x", **fields})
    assert facts.items() <= caught.value.params.items()
    assert requests == []


# ── the call ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("provider", "model", "path"),
    [
        ("hunyuan-image", "hunyuan-image", "hunyuan-image/images/generations"),
        ("hunyuan-image", "hunyuan-image-v2.1", "hunyuan-image/images/generations"),
        ("hunyuan-image", V104, "hunyuan-image/images/ar/generations"),
        ("hunyuan-image", "hunyuan-image-v20", "hunyuan-image/images/ar/generations"),
        ("hunyuan-image", I2I, "hunyuan-image/images/ar/generations"),
        ("cloudbase", "hunyuan-image", "cloudbase/images/ar/generations"),
        ("a/b", V104, "a%2Fb/images/ar/generations"),
    ],
)
async def test_each_kind_of_model_has_its_path(provider, model, path):
    async with drawing(httpx.Response(200, json=BOAT), provider=provider) as (models, requests):
        await models.generate_image(model=model, prompt="x")
    sent = requests[0]
    assert (sent.method, sent.url.raw_path.decode()) == ("POST", f"/v1/ai/{path}")
    assert sent.headers["authorization"] == "Bearer key-1"
    assert json.loads(sent.content) == {"model": model, "prompt": "x"}


async def test_a_typed_input_and_its_keyword_arguments_are_the_same_request():
    fields = {
        "size": "1280x720",
        "seed": 7,
        "revise": {"value": True},
        "enable_thinking": {"value": False},
    }
    answers = [httpx.Response(200, json=BOAT) for _ in range(2)]
    async with drawing(*answers) as (model, requests):
        images = await model.generate_image(ar(prompt="A paper boat", **fields))
        again = await model.generate_image(model=V104, prompt="A paper boat", **fields)
    assert images == again
    assert json.loads(requests[0].content) == {"model": V104, "prompt": "A paper boat", **fields}
    assert requests[0].content == requests[1].content


async def test_the_answer_is_pictures_and_how_they_were_described():
    async with drawing(httpx.Response(200, json=BOAT | {"cost": 3})) as (model, _):
        images = await model.generate_image(ar())
    assert (images.id, images.created) == ("img-01", 1760000000)
    assert images.data[0].url == "https://images.example/boat.png"
    assert images.data[0].revised_prompt == "A small paper boat"
    assert images.raw["cost"] == 3


@pytest.mark.parametrize(
    ("members", "created"),
    [
        ({"created": "1760000000"}, 1760000000),
        ({"created": "yesterday"}, None),
        ({"created": None}, None),
        ({}, None),
    ],
)
async def test_an_answer_may_lack_what_is_not_the_picture(members, created):
    async with drawing(httpx.Response(200, json={"data": [{"url": "u"}], **members})) as (model, _):
        images = await model.generate_image(ar())
    assert (images.id, images.created, images.data[0].revised_prompt) == ("", created, None)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={"id": "img-01", "data": []}),
        httpx.Response(200, json={"id": "img-01", "data": None}),
        httpx.Response(200, json={"data": [{"revised_prompt": "x"}]}),
        httpx.Response(200, json={"data": ["u"]}),
        httpx.Response(200, content=b""),
        httpx.Response(200, json=[BOAT]),
        httpx.Response(200, text="<p>boat</p>"),
    ],
)
async def test_an_answer_without_a_picture_is_an_error(answer):
    async with drawing(answer) as (model, _):
        with pytest.raises(errors.ProviderSpokeGarbage):
            await model.generate_image(ar())


@pytest.mark.parametrize("status", [200, 400])
async def test_a_refusal_says_what_the_service_said(status):
    body = {"code": "AI_MODEL_PARAM_INVALID", "message": "size", "requestId": "r1"}
    async with drawing(httpx.Response(status, json=body)) as (model, _):
        with pytest.raises(errors.ParameterRefused) as caught:
            await model.generate_image(ar())
    assert (caught.value.detail, caught.value.request_id) == ("size", "r1")


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_picture_that_may_have_been_paid_for_is_not_asked_for_again(status):
    async with drawing(httpx.Response(status), httpx.Response(200, json=BOAT)) as (model, sent):
        with pytest.raises(errors.ProviderBusy):
            await model.generate_image(ar())
    assert len(sent) == 1


async def test_one_that_was_turned_away_is_asked_for_again():
    busy = httpx.Response(429, json={"code": "EXCEED_CONCURRENT_REQUEST_LIMIT"})
    async with drawing(busy, httpx.Response(200, json=BOAT)) as (model, sent):
        await model.generate_image(ar())
    assert len(sent) == 2


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(401, json={"code": "INVALID_CREDENTIALS", "message": f"bad {CANARY}"}),
        httpx.Response(200, json={"data": [], "note": CANARY}),
        httpx.Response(200, json={"data": [{"url": "", "revised_prompt": CANARY}]}),
        httpx.Response(200, text=CANARY),
    ],
)
async def test_a_failed_picture_does_not_tell_the_key(answer):
    async with drawing(answer, key=CANARY) as (model, _):
        with pytest.raises(errors.CloudBaseError) as caught:
            await model.generate_image(ar())
    # The first frame is the test's own, which holds the answer.
    caught.value.__traceback__ = caught.value.__traceback__.tb_next
    assert CANARY not in everything_in(caught.value)


@pytest.mark.parametrize("times_are_text", [False, True])
async def test_everything_legal_is_drawn(times_are_text, environment):
    environment.quirks.times_are_text = times_are_text
    url = environment.gateway_url
    async with CloudBase(env="env-demo", api_key=API_KEY, base_url=url) as app:
        models = app.ai().create_image_model("hunyuan-image")
        for asked in (legacy(version="v1.9", style="校园风格"), ar(size="512x2048", seed=1)):
            images = await models.generate_image(asked)
            assert images.data[0].revised_prompt == environment.images.revised
            assert isinstance(images.created, int)
        plain = await models.generate_image(ar(revise={"value": False}))
        assert plain.data[0].revised_prompt == "a boat"
