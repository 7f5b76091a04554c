"""Money in the database: whole numbers of its smallest part, so that every sum is exact."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression

PLACES: Final = 10
"""Of an amount: one ten-thousandth of a millionth of its currency is kept."""
LARGEST: Final = Decimal(2**63 - 1).scaleb(-PLACES)
"""What a row can hold: some 922 million."""


class AmountField(models.BigIntegerField):  # type: ignore[type-arg]  # generic only in the stubs
    """A Decimal of `PLACES` places. SQLite keeps decimals as floating-point numbers, whose sums
    are not exact; those of whole numbers are, there and on PostgreSQL."""

    description = "An amount of money"

    def from_db_value(
        self, value: int | None, _expression: Expression, _connection: BaseDatabaseWrapper
    ) -> Decimal | None:
        return None if value is None else Decimal(int(value)).scaleb(-PLACES)

    def to_python(self, value: Any) -> Decimal | None:
        if value is None or isinstance(value, Decimal):
            return value
        try:
            return Decimal(str(value))
        except ArithmeticError as error:
            raise ValidationError(f"{value} is no amount") from error

    def get_prep_value(self, value: Any) -> int | None:
        amount = self.to_python(value)
        if amount is None:
            return None
        return int(amount.scaleb(PLACES).to_integral_value(ROUND_HALF_EVEN))
