"""Who uses this site: makes people, gives them roles and teams, and lets them in or keeps them out.

Accounts are Django's, sign-in and passwords allauth's; what an administrator changes is recorded.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from admin_models import audit, roles
from admin_models.models import Team
from admin_models.roles import Role


def found(text: str) -> QuerySet[User]:
    """People whose user name, e-mail address or name holds `text`, by user name; with their groups
    and teams."""
    rows = User.objects.order_by("username").prefetch_related("groups", "teams")
    if not text:
        return rows
    account = Q(username__icontains=text) | Q(email__icontains=text)
    return rows.filter(account | Q(first_name__icontains=text) | Q(last_name__icontains=text))


@transaction.atomic
def make(actor: User, person: User, role: Role, teams: Iterable[Team]) -> None:
    """Save a new person, who has no password until they set one (`link_for`)."""
    person.set_unusable_password()
    person.save()
    audit.record(actor, "person.created", roles.subject_of(person), after={"email": person.email})
    change(actor, person, role, is_active=True, teams=teams)


@transaction.atomic
def change(
    actor: User, person: User, role: Role, *, is_active: bool, teams: Iterable[Team]
) -> None:
    """Give a person this role and these teams, and let them in or keep them out.

    Raises roles.LastAdmin if nobody would be left who administers this site.
    """
    if not is_active:
        roles.refuse_last(person)
    roles.set_role(actor, person, role)
    before = state_of(person)
    person.is_active = is_active
    person.save(update_fields=["is_active"])
    person.teams.set(teams)
    if (after := state_of(person)) != before:
        subject = roles.subject_of(person)
        audit.record(actor, "person.updated", subject, before=before, after=after)


def link_for(request: HttpRequest, person: User) -> str:
    """The address where a new person sets the password; of use once, and for three days unless
    PASSWORD_RESET_TIMEOUT says otherwise. Whoever has one can sign in as that person."""
    key = f"{user_pk_to_url_str(person)}-{default_token_generator.make_token(person)}"
    audit.record(request.user, "person.link_made", roles.subject_of(person))
    address: str = get_adapter(request).get_reset_password_from_key_url(key)
    return address


def state_of(person: User) -> dict[str, Any]:
    """What is recorded of a person besides the role."""
    return {
        "is_active": person.is_active,
        "teams": sorted(person.teams.values_list("name", flat=True)),
    }
