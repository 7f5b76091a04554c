"""What a person may do here: use models, look after the site, or change how it is set up."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, User
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from admin_models import audit

Person = AbstractBaseUser | AnonymousUser

OPERATIONS = "operations"
"""The group of Django's accounts whose members look after the site; made when it is needed."""


class Role(models.TextChoices):
    """What somebody may do; each role may do what the ones before it may."""

    USER = "user", pgettext_lazy("a role", "user")
    OPERATIONS = "operations", pgettext_lazy("a role", "operations")
    ADMIN = "admin", pgettext_lazy("a role", "administrator")


class LastAdmin(Exception):
    """Nobody would be left who administers this site."""

    user_message = _("This is the last administrator who can sign in. Name another one first.")


def is_admin(person: Person) -> bool:
    """Whether a person administers this site; no query."""
    return bool(getattr(person, "is_staff", False))


def is_operator(person: Person) -> bool:
    """Whether a person may see how the site does; administrators may. One query for anybody else
    who is signed in."""
    if is_admin(person) or not isinstance(person, User):
        return is_admin(person)
    return person.groups.filter(name=OPERATIONS).exists()


def role_of(person: User) -> Role:
    """The highest role of a person; one query at most, and none with `groups` prefetched."""
    if is_admin(person):
        return Role.ADMIN
    names = {group.name for group in person.groups.all()}
    return Role.OPERATIONS if OPERATIONS in names else Role.USER


@transaction.atomic
def set_role(actor: audit.Actor, person: User, role: Role) -> None:
    """Give a person exactly this role, and write down that `actor` did.

    Whoever is no administrator any more is no superuser either. Raises LastAdmin.
    """
    before = role_of(person)
    if before is role:
        return
    if before is Role.ADMIN:
        refuse_last(person)
    person.is_staff = role is Role.ADMIN
    person.is_superuser = person.is_superuser and person.is_staff
    person.save(update_fields=["is_staff", "is_superuser"])
    group, _made = Group.objects.get_or_create(name=OPERATIONS)
    if role is Role.OPERATIONS:
        person.groups.add(group)
    else:
        person.groups.remove(group)
    audit.record(
        actor,
        "person.role_changed",
        subject_of(person),
        before={"role": before.value},
        after={"role": role.value},
    )


def refuse_last(person: User) -> None:
    """Raise LastAdmin if no other administrator can sign in; to be called in a transaction, in
    which the administrators stay what they are until it ends."""
    others = User.objects.select_for_update().filter(is_staff=True, is_active=True)
    if person.pk not in (pks := set(others.values_list("pk", flat=True))):
        return
    if len(pks) == 1:
        raise LastAdmin


def subject_of(person: User) -> tuple[str, str, str]:
    """A person as the audit log names them."""
    name = person.get_username()
    return "person", name, name
