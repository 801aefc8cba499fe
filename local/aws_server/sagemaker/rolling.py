"""A rolling update: the new fleet grows batch by batch, and the old one shrinks by as much.

https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-rolling.html
"""

from local.aws_server.sagemaker.fleet import StartError
from local.aws_server.sagemaker.rollout import Rollout, end


class RollbackFailedError(Exception):
    """Neither the update nor its rollback could be finished: both fleets serve (UpdateRollbackFailed)."""


class RollingRollout(Rollout):
    """Of one variant: the service allows no more."""

    def _advance(self) -> None:
        self._variant = self._green.variants[0].name
        self._old = self._whole_old = self._blue.deployment.counts[self._variant]
        new = self._pending.counts[self._variant]
        for number, step in enumerate(self._policy.steps):
            active = step.active[self._variant]
            if number == 0:
                self._launch({self._variant: active})
            else:
                self.progress.enter("Creating", step.active, "Launching {} instance(s).")
                self._grow(active)
            self._share(active, self._old)
            self._bake(step)
            self._shrink_blue(self._whole_old - self._whole_old * active // new)

    def _grow(self, instances: int) -> None:
        try:
            self._green.scale({self._variant: instances})
        except StartError:
            self._heed_stop()
            raise
        self._heed_limits()

    def _share(self, new: int, old: int) -> None:
        """Requests by the instances that take them."""
        self._traffic.split({self._variant: (new, new + old)})
        self.progress.active = {**self._shadows_active(), self._variant: new}

    def _shrink_blue(self, instances: int) -> None:
        if instances:
            new = self.progress.active[self._variant]
            self.progress.enter("Deleting", {self._variant: self._old - instances}, "Terminating {} instance(s).")
            self._traffic.split({self._variant: (new, new + instances)})
            self._blue.scale({self._variant: instances})
        self._old = instances
        self.progress.old = {self._variant: instances}

    def _go_back(self, reason: str) -> str:
        batch = (self._policy.rollback_batch or {}).get(self._variant)
        new = self.progress.active.get(self._variant, 0)
        if batch is None and self._old:
            # What is left of the old fleet has every request while the rest of it comes back.
            self._traffic.split({})
        self._say_going_back(reason)
        try:
            while self._old < self._whole_old:
                self._old = self._whole_old if batch is None else min(self._whole_old, self._old + batch)
                self._blue.scale({self._variant: self._old})
                self.progress.old = {self._variant: self._old}
                new = 0 if batch is None else max(0, new - batch)
                self._traffic.split({self._variant: (new, new + self._old)})
                if new:
                    self._green.scale({self._variant: new})
                self.progress.active = {self._variant: new}
        except StartError as error:
            self._heed_stop()
            raise RollbackFailedError(f"{reason} The rollback failed, too: {error}") from error
        self._traffic.settle(self._blue)
        end(self._green)
        return reason
