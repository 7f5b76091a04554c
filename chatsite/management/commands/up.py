"""`python3 manage.py up`: set everything up, and serve."""

from __future__ import annotations

import os
import socket
from typing import Any

from channels.routing import get_default_application
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from admin_models import local
from chat.turns import reaper
from chatsite import first_admin, lifespan, memory, preparation
from chatsite.local_model import Endpoint, Supervisor
from chatsite.server import Server

WILDCARDS = {"0.0.0.0", "::", ""}  # noqa: S104 - compared with, not bound to
# The packaged model rambles when it is left to its own devices.
DEMO_PARAMETERS = {"temperature": 0.2, "top_p": 0.9, "max_tokens": 256}


class Command(BaseCommand):
    """Prepares the data folder, database, static files and local model, then serves."""

    help = (
        "Sets everything up (nothing is lost when it is there already), and serves. Probes may ask "
        "/healthz (is it alive?) and /readyz (can it serve?); docs/operations.md has more."
    )
    requires_system_checks = []  # made once new files are for this user alone

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options. manage.py reads --data and --no-model early, to set up with."""
        parser.add_argument("--host", default="127.0.0.1", help="address to serve on")
        parser.add_argument("--port", default=8000, type=int, help="port to serve on; 0: any")
        parser.add_argument("--data", metavar="DIR", help="data folder (or CHATSITE_DATA_DIR)")
        parser.add_argument(
            "--no-model", action="store_true", help="neither install nor start the local model"
        )

    def handle(self, *, host: str, port: int, no_model: bool, verbosity: int, **_: Any) -> None:
        """Serve until told to stop."""
        os.umask(0o077)  # what is written from here on is for this user alone
        self.check()
        memory.share_one_heap()
        try:
            with preparation.held_data_folder(), preparation.bound_socket(host, port) as listener:
                preparation.migrate(self.say)
                preparation.count_ledger(self.say)
                preparation.collect_static_files(self.say)
                self._serve(listener, host, has_model=not no_model, is_chatty=verbosity > 1)
        except KeyboardInterrupt:
            raise CommandError("Interrupted.", returncode=130) from None

    def say(self, text: str) -> None:
        """Write a line that is seen at once, through a pipe too."""
        self.stdout.write(text)
        self.stdout.flush()

    def _serve(
        self, listener: socket.socket, host: str, *, has_model: bool, is_chatty: bool
    ) -> None:
        if host not in WILDCARDS:
            settings.ALLOWED_HOSTS.append(host)
        url = _url(listener)
        link = first_admin.link(url)
        if has_model or connection.vendor == "sqlite":
            # What the last run left is dead; on a shared database it may be another process's.
            local.withdraw_models()
        if connection.vendor == "sqlite":
            reaper.forget_all_workers()  # this folder is ours alone: whoever wrote here is dead
        local.environment()  # exists from the start
        connection.close()
        model = Supervisor(
            self._offer_model, self._do_without_model, settings.DATA_DIR / "local-model.log"
        )

        def announce() -> None:
            if has_model:
                model.start()
            self.say(f"Serving on {url}")
            if link:
                self.say(f"Create the first admin: {link}")

        server = Server(
            get_default_application(),  # loaded only now: it looks for the static files at once
            listener,
            start=lifespan.start,
            stop=lifespan.stop,
            on_open=announce,
            max_frame_size=settings.MAX_FRAME_SIZE,
            has_access_log=is_chatty,
        )
        try:
            is_fine = server.run()
        finally:
            model.stop()
        if not is_fine:
            raise CommandError("The server failed; the lines above say why.")

    def _offer_model(self, endpoint: Endpoint) -> None:
        """Called in the supervisor's thread, which has a database connection of its own."""
        try:
            local.register_model(
                base_url=endpoint.base_url,
                key=endpoint.key,
                name=endpoint.name,
                context_length=endpoint.context_length,
                parameters=DEMO_PARAMETERS if endpoint.is_demo else {},
                notice=local.DEMO_NOTICE if endpoint.is_demo else "",
            )
        finally:
            connection.close()
        self.say(f"The local model {endpoint.name} is ready.")

    def _do_without_model(self, reason: str) -> None:
        try:
            local.withdraw_models()
        finally:
            connection.close()
        self.stderr.write(f"Going on without the local model. {reason}")


def _url(listener: socket.socket) -> str:
    """Return where a browser on this machine finds us."""
    host, port = listener.getsockname()[:2]
    if host in WILDCARDS:
        host = "127.0.0.1"
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
