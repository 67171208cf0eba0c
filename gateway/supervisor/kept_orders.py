"""Standing orders that outlive the gateway: each is in the file before it is answered, and holds after a restart.

What was killed with kill -9 goes on with all that had been answered. Faults for drills are the exception: what was
started anew is to be well. A file that cannot be written or understood is told, and stops nothing.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from gateway.supervisor.order_form import NotUnderstoodError, StandingOrders, understood
from gateway.supervisor.orders_file import OrdersFile
from gateway.supervisor.standing_orders import BEFORE, FORMER, have_hold, held_by

if TYPE_CHECKING:
    from gateway.supervisor.gateway import Gateway

_LOOK_SECS = 1.0
_STEADY_SECS = 60.0
_UNSTEADY_STARTS = 3
_LISTS = ("networks", "clients", "circuits", "targets", "overrides")
_RESTARTED = "the gateway was started anew"


class KeptOrders:
    """Those of one gateway, and its file; None: none is kept, because there is no history to keep it beside."""

    def __init__(self, gateway: Gateway, file: OrdersFile | None) -> None:
        self._gateway = gateway
        self._file = file
        self._waits = False
        """Whether the file is the former gateway's, until that has left."""
        self._released = False
        self._written: object = None
        """What the file knows of, as `_mark` has it."""
        self._writing: asyncio.Task[bool] | None = None
        self._problem: str | None = None
        self.revocations_are_kept = True
        """Whether those outlive the gateway, which have a file of their own."""
        self.hint = ""
        """What to do when the gateway does not start with the orders of before."""

    @property
    def kept(self) -> bool:
        """Whether what is ordered now outlives the gateway."""
        has_file = self._file is not None and self._file.mine
        return has_file and self._problem is None and self.revocations_are_kept

    def wait_for_former(self) -> None:
        """Have the file when the former gateway has left it; what that was ordered comes from there."""
        self._waits = True

    async def begin(self) -> None:
        """Go by the orders of before, before anybody is served."""
        if self._file is None:
            words = "orders of operators end with this process: admin.history_path is not set"
            self._gateway.log("INFO", "orders_not_kept", words)
            return
        if not self._file.mine:
            self._tell(self._file.problem)
            return
        orders = await asyncio.to_thread(self._read, self._file)
        if orders is not None:
            self.hint = f"; where it is for what was ordered before the restart, move {self._file.path} away"
            bearable = self._bearable(orders, self._file)
            await asyncio.to_thread(self._count_start, orders, self._file)
            await self._carry_over(bearable)

    async def catch_up(self, told: object) -> None:
        """Go by what the former gateway has written down since it `told` its orders: it ended without a word."""
        if self._file is None:
            return
        try:
            orders, before = await asyncio.to_thread(self._file.read), understood(told)
        except (OSError, NotUnderstoodError) as error:
            words = f"what the former gateway was ordered at last is not known: {self._file.path}: {error}"
            self._gateway.log("ERROR", "orders_lost", words)
            return
        if orders is not None and orders.uid == before.uid and orders.revision >= before.revision:
            await have_hold(self._gateway, orders, FORMER)

    def _read(self, file: OrdersFile) -> StandingOrders | None:
        try:
            return file.read()
        except (OSError, NotUnderstoodError) as error:
            why = str(error)
        try:
            place = f"it is put aside as {file.put_aside()}"
        except OSError as error:
            place = f"it cannot be put aside: {error}"
        words = f"{file.path} cannot be used, and no order of before the restart holds: {why}; {place}"
        self._gateway.log("ERROR", "orders_lost", words)
        return None

    def _count_start(self, orders: StandingOrders, file: OrdersFile) -> None:
        file.starts += 1
        try:
            file.write(orders)
        except OSError as error:
            self._tell(str(error))

    def _bearable(self, orders: StandingOrders, file: OrdersFile) -> StandingOrders:
        """With the workers of the settings, where it is killed again and again: there may be no room for so many."""
        if file.starts < _UNSTEADY_STARTS or orders.workers.desired <= self._gateway.settings.workers.count:
            return orders
        times, workers = file.starts, orders.workers.desired
        words = f"{times} starts with {workers} workers in a row did not last a minute: there are as many as configured"
        self._gateway.log("ERROR", "orders_lost", words)
        fewer = orders.workers.model_copy(update={"desired": self._gateway.settings.workers.count})
        return orders.model_copy(update={"workers": fewer})

    async def _carry_over(self, orders: StandingOrders) -> None:
        gateway, faults = self._gateway, [one.id for one in orders.faults if one.expires_at > time.time()]
        if faults:
            words = f"faults of before the restart are over, because it is to be well: {', '.join(faults)}"
            gateway.log("WARNING", "faults_over", words)
        fits = await have_hold(gateway, orders.model_copy(update={"faults": []}), BEFORE)
        kept = {kind: [one.id for one in getattr(fits.orders, kind)] for kind in _LISTS}
        kept["overrides"] = [name for name in kept["overrides"] if name not in fits.lost]
        kept["maintenance"] = [one.id for one in (fits.orders.maintenance,) if one is not None]
        over = {"expired": fits.expired, "lost": sorted(fits.lost), "faults": faults}
        after: dict[str, Any] = {name: ids for name, ids in {**kept, **over}.items() if ids}
        if after:
            try:
                gateway.record_change("orders_carried_over", "gateway", _RESTARTED, None, after)
            except OSError as error:
                gateway.log("ERROR", "not_recorded", f"that orders were carried over is not in the history: {error}")

    async def follow(self) -> None:
        """Write down what changes without a request, such as an operation that ends; what failed is tried again."""
        since = time.monotonic()
        while True:
            if time.monotonic() - since > _STEADY_SECS:
                self._lasted()
            await self.settle()
            await asyncio.sleep(_LOOK_SECS)

    async def settle(self) -> None:
        """Have in the file what holds by now; or the log has told that it is not."""
        # What is being written may be of before; the next one is not.
        for _ in range(2):
            if not self._is_ours() or self._mark() == self._written:
                return
            if self._writing is None:
                self._writing = asyncio.get_running_loop().create_task(self._write())
            # Who asked may go away; what is being written is written to the end.
            if not await asyncio.shield(self._writing):
                return

    async def release(self) -> None:
        """Write nothing from now on: the file is the next process's."""
        self._lasted()
        await self.settle()
        self._released = True
        if self._file is not None:
            self._file.release()

    def _lasted(self) -> None:
        """It has run for a while, or ends well: what was ordered is to be borne."""
        if self._file is not None and self._file.mine:
            self._file.starts = 0

    def _is_ours(self) -> bool:
        if self._file is None or self._released:
            return False
        if self._waits and not self._file.claim():
            self._tell(self._file.problem)
        return self._file.mine

    def _mark(self) -> object:
        """Another one whenever there is anything else to write."""
        gateway = self._gateway
        overrides = tuple(one.id for one in gateway.configurations.overrides)
        running = gateway.operations.running
        starts = None if self._file is None else self._file.starts
        return gateway.revision, overrides, gateway.fleet.desired, running and running.operation_id, starts

    async def _write(self) -> bool:
        """Whether it is written."""
        assert self._file is not None
        try:
            mark, orders = self._mark(), held_by(self._gateway, [])
            await asyncio.to_thread(self._file.write, orders)
        except Exception as error:  # Whatever it is, what is ordered holds now, and that is what it was ordered for.
            self._tell(f"{type(error).__name__}: {error}")
            return False
        finally:
            self._writing = None
        self._written = mark
        self._tell(None)
        return True

    def _tell(self, problem: str | None) -> None:
        before, self._problem = self._problem, problem
        if problem is not None and before is None:
            words = f"what operators order now does not outlive the gateway: {problem}"
            self._gateway.log("ERROR", "orders_not_kept", words)
        elif problem is None and before is not None:
            self._gateway.log("INFO", "orders_kept", "what operators order outlives the gateway again")
