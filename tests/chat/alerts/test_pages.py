"""The pages of alerts: operators see, administrators change."""

from __future__ import annotations

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from admin_models import local, roles
from admin_models.models import AuditEntry
from admin_models.roles import Role
from chat.models import Alert, AlertDelivery, AlertRecipient, AlertRule, JobState
from chat.operations.alerts import watching
from chat.operations.alerts.kinds import KINDS, Measure
from chat.views import alerts as views
from tests.admin_models.browsers import signed_in
from tests.chat.alerts.conftest import SECRET, a_recipient, a_rule
from tests.fakes.receivers import Answer
from tests.pages.html import page, the, words

pytestmark = pytest.mark.usefixtures("transactional_db")

ERRORS = {
    "name": "Errors of Demo",
    "threshold": "12.5",
    "window_minutes": "30",
    "min_requests": "20",
    "env_id": "local",
    "model_name": "m",
    "hold": "3",
    "remind_after_hours": "6",
    "language": "zh-hans",
    "is_on": "on",
}


@pytest.fixture
def browser(client, root):
    local.environment()
    client.force_login(root)
    return client


@pytest.fixture
def operator(client, root):
    person = User.objects.create_user("olga")
    roles.set_role(root, person, Role.OPERATIONS)
    client.force_login(person)
    return client


def shown(browser, name="alerts", *arguments):
    return page(browser.get(reverse(name, args=arguments)))


def rule_address(measure: str) -> str:
    return reverse("alert_rule_new", args=[measure])


# Rules


def test_an_empty_page_offers_sensible_rules_with_one_click(browser):
    recipient = a_recipient(emails=["ops@example.org"])
    form = the(shown(browser), ".empty form")
    browser.post(form["action"])
    made = {rule.measure: rule for rule in AlertRule.objects.all()}
    assert set(made) == set(Measure) - {Measure.COST}
    assert all(list(rule.recipients.all()) == [recipient] for rule in made.values())
    assert AuditEntry.objects.filter(action="alert.rule_created").count() == len(made)
    browser.post(form["action"])
    assert AlertRule.objects.count() == len(made)
    rows = shown(browser).select("#rules tbody tr")
    assert len(rows) == len(made)
    assert "not looked at yet" in words(rows[0])


def test_a_rule_is_made_from_what_is_to_be_watched(browser):
    links = shown(browser, "alert_rule_choose").select(".check a")
    assert [link["href"] for link in links] == [rule_address(m) for m in KINDS]
    recipient = a_recipient(emails=["ops@example.org"])
    answer = browser.post(rule_address("errors"), ERRORS | {"recipients": [recipient.pk]})
    assert answer.status_code == 302, words(page(answer))
    rule = AlertRule.objects.get()
    assert (rule.measure, rule.threshold, rule.window_minutes) == ("errors", 12.5, 30)
    assert (rule.env_id, rule.model_name, rule.language, rule.hold) == ("local", "m", "zh-hans", 3)
    assert list(rule.recipients.all()) == [recipient]
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.subject) == ("alert.rule_created", "Errors of Demo")
    assert entry.after["recipients"] == ["On call"]


@pytest.mark.parametrize("measure", Measure)
def test_the_form_of_each_kind_has_what_it_needs_and_can_be_sent_as_it_is(browser, measure):
    form = the(shown(browser, "alert_rule_new", measure), "form[method=post]:has([name=name])")
    sent = {box["name"]: box.get("value", "on") for box in form.select("input[name]")}
    for choice in form.select("select"):
        option = choice.select_one("option[selected]") or choice.select_one("option")
        sent[choice["name"]] = option["value"]
    asked = set(sent) & {"threshold", "window_minutes", "min_requests", "currency", "env_id"}
    assert asked == KINDS[measure].fields - {"model_name"}
    answer = browser.post(rule_address(measure), sent | {"name": "New"})
    assert answer.status_code == 302, words(page(answer))


def test_what_cannot_be_watched_is_not_found(browser):
    assert browser.get(rule_address("happiness")).status_code == 404


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"threshold": "0"}, "more than 0"),
        ({"threshold": "101"}, "less than or equal to 100"),
        ({"threshold": "nan"}, "Enter a number"),
        ({"threshold": "many"}, "Enter a number"),
        ({"window_minutes": "7"}, "Select a valid choice"),
        ({"hold": "0"}, "greater than or equal to 1"),
        ({"recipients": ["99"]}, "Select a valid choice"),
        ({"env_id": "nowhere"}, "Select a valid choice"),
        ({"name": ""}, "required"),
    ],
)
def test_what_makes_no_sense_is_refused_and_what_was_typed_stays(browser, changed, says):
    answer = browser.post(rule_address("errors"), ERRORS | changed)
    assert answer.status_code == 422
    soup = page(answer)
    assert says in words(soup)
    assert the(soup, "[name=model_name]")["value"] == "m"
    assert not AlertRule.objects.exists()


def test_a_name_stays_on_one_line_as_it_stands_in_the_subject_of_mails(browser):
    browser.post(rule_address("errors"), ERRORS | {"name": "Two\r\nBcc: lines"})
    assert AlertRule.objects.get().name == "Two Bcc: lines"


def test_a_rule_is_changed_and_deleted_and_both_are_recorded(browser):
    rule = a_rule()
    browser.post(reverse("alert_rule", args=[rule.pk]), ERRORS | {"is_on": ""})
    rule.refresh_from_db()
    assert (rule.threshold, rule.is_on) == (12.5, False)
    assert "off" in words(the(shown(browser), "#rules tbody tr"))
    confirm = shown(browser, "alert_rule_delete", rule.pk)
    assert "Errors of Demo" in words(the(confirm, "h1"))
    assert AlertRule.objects.exists()
    browser.post(reverse("alert_rule_delete", args=[rule.pk]))
    assert not AlertRule.objects.exists()
    actions = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["alert.rule_changed", "alert.rule_deleted"]


def test_an_environment_that_is_gone_stays_in_its_rule(browser):
    rule = a_rule(env_id="env-gone")
    soup = shown(browser, "alert_rule", rule.pk)
    assert the(soup, "[name=env_id] option[selected]")["value"] == "env-gone"


# What goes on, and what happened


def firing(recipient: AlertRecipient | None = None) -> Alert:
    rule = a_rule(Measure.DISK, threshold=0.001, name="Disk")
    if recipient is not None:
        rule.recipients.add(recipient)
    watching.look_at_all(timezone.now())
    return Alert.objects.get()


def test_an_alert_stands_on_the_page_with_what_became_of_telling_it(operator):
    alert = firing(a_recipient(emails=["ops@example.org"]))
    AlertDelivery.objects.update(state="failed", outcome="smtp 550", tries=12)
    soup = shown(operator)
    said = words(the(soup, ".checklist .check"))
    assert "of the disk are used" in said
    assert "goes on" in said
    assert "smtp 550" in said
    assert "12 tries" in said
    assert words(the(soup, "#rules tbody tr td")) == "alert"
    assert alert.rule_name in said


def test_the_history_goes_from_page_to_page(operator):
    alert = firing()
    facts = {"facts": alert.facts, "measure": "disk", "began_at": alert.began_at}
    over = facts | {"ended_at": timezone.now(), "told_at": timezone.now()}
    Alert.objects.bulk_create(
        Alert(rule_name=f"Old {number}", **over) for number in range(views.PAGE_LENGTH)
    )
    first = shown(operator, "alert_history")
    assert len(first.select(".check")) == views.PAGE_LENGTH
    assert "Disk" not in words(the(first, ".checklist"))
    second = page(operator.get(reverse("alert_history") + the(first, "[rel=next]")["href"]))
    assert len(second.select(".check")) == 1
    assert "Disk" in words(the(second, ".check"))
    assert second.select_one("[rel=next]") is None
    nonsense = operator.get(reverse("alert_history") + "?before=" + "9" * 40)
    assert nonsense.status_code == 200


def test_jobs_are_shown_as_they_stand(operator):
    JobState.objects.create(
        name="count", due_at=timezone.now(), failures=4, last_error="ValueError"
    )
    said = words(the(shown(operator), "#jobs tbody"))
    assert "count" in said
    assert "failed and is tried again" in said
    assert "ValueError × 4" in said


def test_operators_see_no_way_to_change_anything(operator):
    a_rule()
    a_recipient(emails=["ops@example.org"])
    soup = shown(operator)
    hrefs = {str(link["href"]) for link in soup.select("main a[href]")}
    assert not [href for href in hrefs if "/rules/" in href or "/recipients/" in href]
    assert not soup.select("main form")


def test_the_number_of_queries_does_not_grow_with_rules(browser, django_assert_max_num_queries):
    for _ in range(20):
        a_rule().recipients.add(*AlertRecipient.objects.all())
    with django_assert_max_num_queries(16):
        shown(browser)


# Recipients


def recipient_form(**values) -> dict[str, str]:
    return {"name": "Room 1", "emails": "", "url": "https://hook.example/x", **values}


def test_a_recipient_keeps_its_secret_sealed_and_shows_only_a_host(browser):
    address = reverse("alert_recipient_new")
    answer = browser.post(address, recipient_form(signing_secret=SECRET))
    recipient = AlertRecipient.objects.get()
    assert answer.url == reverse("alert_recipient", args=[recipient.pk])
    assert SECRET not in recipient.sealed_secret
    said = words(shown(browser))
    assert "hook.example signed" in said
    assert "https://hook.example/x" not in said
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.after["sealed_secret"]) == ("alert.recipient_created", "set")
    assert entry.after["url"] == "hook.example"
    assert SECRET not in browser.get(answer.url).content.decode()


def test_an_empty_secret_keeps_the_stored_one_unless_it_is_removed(browser):
    recipient = a_recipient("Room 1", url="https://hook.example/x", secret=SECRET)
    address = reverse("alert_recipient", args=[recipient.pk])
    browser.post(address, recipient_form(emails="a@example.org\nb@example.org, a@example.org"))
    recipient.refresh_from_db()
    assert recipient.has_secret
    assert recipient.emails == ["a@example.org", "b@example.org"]
    browser.post(address, recipient_form(remove_secret="on"))
    assert AlertRecipient.objects.get().sealed_secret == ""
    newest = AuditEntry.objects.first()
    assert newest.after["sealed_secret"] == "not set"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"url": ""}, "Enter an e-mail address, a webhook address, or both."),
        ({"emails": "nobody"}, "nobody is no e-mail address"),
        ({"emails": "\n".join(f"p{n}@example.org" for n in range(21))}, "At most 20"),
        ({"url": "http://10.0.0.1/x"}, "10.0.0.1"),
        ({"url": "ftp://hook.example/"}, "Write a whole address"),
        ({"url": "https://me:pw@hook.example/"}, "Write a whole address"),
        ({"url": "https://hook.example/#x"}, "Write a whole address"),
        ({"url": "https://hook.example/?a=b#x"}, "Write a whole address"),
        ({"url": "http://10.0.0.1/x?key=1"}, "10.0.0.1"),
        ({"name": "On call"}, "already"),
    ],
)
def test_a_recipient_that_nothing_would_reach_is_refused(browser, changed, says):
    a_recipient("On call", emails=["a@example.org"])
    answer = browser.post(reverse("alert_recipient_new"), recipient_form(**changed))
    assert answer.status_code == 422
    assert says in words(page(answer))
    assert AlertRecipient.objects.count() == 1


def test_a_webhook_that_is_known_by_its_query_is_kept_with_it(browser):
    browser.post(reverse("alert_recipient_new"), recipient_form(url="https://hook.example/?key=1"))
    assert AlertRecipient.objects.get().url == "https://hook.example/?key=1"
    assert "key=1" not in words(shown(browser))
    assert AuditEntry.objects.get().after["url"] == "hook.example"


def test_a_recipient_is_deleted_with_what_still_waits_for_it(browser):
    recipient = a_recipient(emails=["ops@example.org"])
    alert = firing(recipient)
    assert "Disk" in words(the(shown(browser, "alert_recipient_delete", recipient.pk), ".sheet"))
    browser.post(reverse("alert_recipient_delete", args=[recipient.pk]))
    assert not AlertRecipient.objects.exists()
    row = alert.deliveries.get()
    assert (row.state, row.outcome, row.recipient_name) == (
        "failed",
        "recipient_deleted",
        "On call",
    )


async def test_the_test_button_really_sends_and_shows_what_came_back(root, hook, mail, serving):
    hook.answers = [Answer("500 No", body="<b>the hook is broken</b>")]
    recipient = await sync_to_async(a_recipient)(url=hook.url, emails=["ops@example.org"])
    browser = await signed_in(root)
    answer = await browser.post(reverse("alert_recipient_test", args=[recipient.pk]))
    said = words(the(page(answer), "#test .aside"))
    assert "sent accepted" in said
    assert "given up 500" in said
    assert "<b>the hook is broken</b>" in said
    assert len(hook.received) == len(mail.raw) == 1


async def test_the_test_button_says_why_an_address_is_not_called(root, serving):
    recipient = await sync_to_async(a_recipient)(url="http://10.1.2.3/hook")
    browser = await signed_in(root)
    answer = await browser.post(reverse("alert_recipient_test", args=[recipient.pk]))
    said = words(the(page(answer), "#test .aside"))
    assert "address_forbidden" in said
    assert "10.1.2.3" in said
