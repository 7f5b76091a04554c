"""Traces for operations, by OpenTelemetry; it is imported only where they are wanted.

They go to the address of `OTEL_EXPORTER_OTLP_ENDPOINT`. That is the operator's own setting, so the
guard against private addresses does not look at it: a collector is usually on this very machine.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Final

from opentelemetry import context, propagate, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, StatusCode

from chat import tracing
from chat.cloudbase.errors import CloudBaseError
from chat.tracing import Fact, Step

LAST_WORDS: Final = 3.0
"""Seconds that the collector has to take what is left when the process ends."""


@asynccontextmanager
async def running() -> AsyncGenerator[None, None]:
    """Trace this process for as long as the block lasts."""
    provider = TracerProvider(
        resource=Resource.create({SERVICE_NAME: "chatsite"}), shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    tracing.trace_with(_OpenTelemetry(provider.get_tracer("chatsite")))
    try:
        yield
    finally:
        tracing.trace_with(None)
        await _shut_down(provider)


def headers() -> Mapping[str, str]:
    """The `traceparent` of the step that is being taken here, for a service that is called."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier


async def _shut_down(provider: TracerProvider) -> None:
    """Send what is left. A collector that does not answer must not hold up the end, and the
    exporter asks it for longer than we wait: hence a thread that nobody has to join."""
    thread = threading.Thread(target=provider.shutdown, name="the last spans", daemon=True)
    thread.start()
    await asyncio.to_thread(thread.join, LAST_WORDS)


class _OpenTelemetry:
    """A tracer as `chat.tracing` wants one."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    def step(
        self, name: str, under: object | None, facts: dict[str, Fact]
    ) -> AbstractContextManager[Step]:
        return _taken(self._tracer, name, under if isinstance(under, Context) else None, facts)

    def here(self) -> object:
        return context.get_current()


class _OpenStep:
    """A step that is being taken."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def note(self, **facts: Fact) -> None:
        self._span.set_attributes(_attributes(facts))
        if "code" in facts:
            self._span.set_status(StatusCode.ERROR, str(facts["code"]))


@contextmanager
def _taken(
    tracer: trace.Tracer, name: str, under: Context | None, facts: dict[str, Fact]
) -> Iterator[Step]:
    # What an exception says may be what people wrote: only its kind is told.
    with tracer.start_as_current_span(
        name,
        context=under,
        attributes=_attributes(facts),
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        step = _OpenStep(span)
        try:
            yield step
        except asyncio.CancelledError:
            step.note(cancelled=True)
            raise
        except CloudBaseError as error:
            step.note(stage=error.stage, code=error.code)
            raise
        except Exception as error:
            step.note(code=type(error).__name__)
            raise


def _attributes(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    return {f"chatsite.{name}": fact for name, fact in facts.items()}
