"""Tells of what was committed, and never before: metrics count it, the publisher wakes, the loop hears of faults."""

import asyncio
from collections.abc import Sequence

from schemas.refusals import Refusal
from services.platform import metrics
from services.platform.storage.writer import RecordRow
from services.platform.streaming.evaluate import Evaluations


class Commits:
    """Those of one service in this process."""

    def __init__(self, service: str) -> None:
        self._service = service
        self.faults_since_check = 0
        self.happened = asyncio.Event()  # the publisher has work

    def of_records(self, ended: Sequence[RecordRow], refused: Sequence[Refusal]) -> None:
        for row in ended:
            metrics.RECORDS.labels(self._service, row.fate).inc()
        for refusal in refused:
            metrics.REFUSALS.labels(self._service, refusal.reason).inc()
        self.happened.set()

    def of_evaluations(self, found: Evaluations) -> None:
        for evaluation in found.evaluations:
            metrics.EVALUATIONS.labels(self._service, evaluation.cause).inc()
        for notification, _, _ in found.notifications:
            metrics.NOTIFICATIONS_SENT.labels(self._service, notification.kind).inc()
        self.faults_since_check += found.faults
        self.happened.set()
