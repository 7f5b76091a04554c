"""Both languages, wherever a person looks."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.urls import reverse

from tests.pages.html import page, the

CHINESE = {"accept-language": "zh-CN,zh;q=0.9"}


def test_no_string_is_untranslated_and_every_catalogue_is_compiled(capsys):
    call_command("check_translations")
    said = capsys.readouterr().out
    assert "Every string is translated" in said or "skipped" in said


@pytest.mark.parametrize(
    ("name", "heading"),
    [("account_login", "登录"), ("account_reset_password", "密码重置")],
)
def test_a_chinese_browser_gets_chinese_account_pages(db, visitor, name, heading):
    shown = page(visitor.get(reverse(name), headers=CHINESE))
    assert the(shown, "html")["lang"] == "zh-hans"
    assert the(shown, "h1").get_text(strip=True) == heading


def test_a_chinese_browser_gets_a_chinese_chat(alices_browser, talk):
    shown = page(alices_browser.get(talk.get_absolute_url(), headers=CHINESE))
    conversation = the(shown, "#conversation")
    assert the(conversation, "#composer-text")["placeholder"] == "输入消息"
    assert conversation["data-copied"] == "已复制"
    assert "lang=zh-hans" in conversation["hx-ws:connect"]


def test_a_chosen_language_wins_over_the_browsers(db, visitor):
    visitor.post(reverse("set_language"), {"language": "en", "next": "/"})
    shown = page(visitor.get(reverse("account_login"), headers=CHINESE))
    assert the(shown, "html")["lang"] == "en"
