"""What this site knows of one model beside its name."""

from __future__ import annotations

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from admin_models import audit, endpoint_trial, group_records
from admin_models.forms.models import ModelForm
from admin_models.models import AIModel
from admin_models.preflight import asking
from admin_models.showing import groups
from admin_models.views.access import StaffRequest, for_staff


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: StaffRequest, pk: int, model: int) -> HttpResponse:
    """What people read of a model, and what goes with every request to it."""
    rows = AIModel.objects.select_related("group__environment")
    row = get_object_or_404(rows, pk=model, group__environment=pk)
    before = audit.state_of(row, ModelForm.Meta.fields)
    form = ModelForm(request.POST if request.method == "POST" else None, instance=row)
    if form.is_valid():
        _save(request, form, before)
        async_to_sync(asking.announce)(pk)
        messages.success(request, gettext("Saved."))
        return redirect("model_settings", pk, model)
    known = endpoint_trial.known(row.group.base_url, [row.name])
    context = {
        "environment": row.group.environment,
        "model": row,
        "form": form,
        "abilities": groups.abilities_of(known.get(row.name)),
    }
    status = 422 if form.errors else 200
    return render(request, "admin_models/model.html", context, status=status)


@transaction.atomic
def _save(request: StaffRequest, form: ModelForm, before: dict[str, object]) -> None:
    row: AIModel = form.save()
    audit.record(
        request.user,
        "model.updated",
        group_records.subject_of(row.group.environment, row.group.name, row.name),
        before=before,
        after=audit.state_of(row, ModelForm.Meta.fields),
    )
