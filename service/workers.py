"""Several workers: processes that share one listening socket, and the parent that starts, restarts and ends them."""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from types import FrameType

from prometheus_client.multiprocess import mark_process_dead

from service.app import create_app
from service.errors import SettingsError
from service.server import announce, end_process, serve
from service.settings import Settings
from service.telemetry.logging import configure
from service.telemetry.metrics import MULTIPROCESS

log = logging.getLogger(__name__)

RESTART_SECONDS = 1.0


def serve_workers(settings: Settings, listening: socket.socket) -> None:
    """Serves with `DIGITS_WORKERS` processes until a signal ends them. Blocks. Raises `SettingsError`."""
    try:
        folder = tempfile.mkdtemp(prefix="digits-metrics-")
    except OSError as error:
        raise SettingsError(f"several workers need a writable folder for temporary files: {error.strerror}") from None
    os.environ[MULTIPROCESS] = folder  # before the workers import prometheus_client, which reads it then
    try:
        _Supervisor(settings, listening).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Supervisor:
    def __init__(self, settings: Settings, listening: socket.socket) -> None:
        self._settings = settings
        self._listening = listening
        self._workers: dict[int, SpawnProcess] = {}
        self._ending = self._starting = False

    def run(self) -> None:
        for sig in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sig, self._forward)
        for number in range(self._settings.workers):
            self._start(number)
        while self._workers:
            wait([worker.sentinel for worker in self._workers.values()])
            for number, worker in list(self._workers.items()):
                if worker.exitcode is not None:
                    self._ended(number, worker)

    def _start(self, number: int) -> None:
        worker = multiprocessing.get_context("spawn").Process(
            target=_work, args=(self._settings, self._listening, number), name=f"worker-{number}", daemon=True
        )
        self._starting = True
        worker.start()
        self._starting = False
        self._workers[number] = worker
        if self._ending:  # the signal came while it was being started
            worker.terminate()
            self._listening.close()

    def _ended(self, number: int, worker: SpawnProcess) -> None:
        del self._workers[number]
        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
        if self._ending:
            return
        log.error("worker %d ended with status %s and is started again", number, worker.exitcode)
        time.sleep(RESTART_SECONDS)
        if not self._ending:
            self._start(number)

    def _forward(self, sig: int, frame: FrameType | None) -> None:
        self._ending = True
        if not self._starting:
            # The workers have it still, for as long as they drain; once they close it nobody is to be let in.
            self._listening.close()
        for worker in list(self._workers.values()):
            if worker.pid is not None and worker.exitcode is None:
                os.kill(worker.pid, sig)


def _work(settings: Settings, listening: socket.socket, number: int) -> None:
    os.setpgrp()  # Ctrl-C reaches a whole process group; the parent is to be the one who tells us
    configure(settings.log_format, settings.log_level)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    app = create_app(settings, on_ready=announce(settings, listening) if number == 0 else lambda model: None)
    serve(app, listening)
    end_process()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
