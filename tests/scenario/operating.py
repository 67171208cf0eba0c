"""People at a bot whose gateway is real or simulated: what they read of a plan, from the line to its end."""

from __future__ import annotations

from dataclasses import dataclass

from commands.domain.plan import FINAL
from tests.scenario.stage import stable
from tests.world import World


@dataclass
class Operating:
    """Ben asks, and Dev is the second person."""

    bot: World

    async def says(self, typed: str, person: str = "ben") -> str:
        """The answer to a line."""
        return stable(await self.bot.say(person, "general", typed))

    async def runs(self, typed: str) -> str:
        """A plan that one yes is enough for, to its end: its title and what was found."""
        receipt = await self.bot.command("ben", "general", typed)
        if receipt.accepted:
            await self.bot.press("ben", receipt.reply_key, "Confirm")
        plan = receipt.reply_key.partition(":")[0]
        if plan.startswith("plan-"):
            await self.bot.until(lambda: self._over(plan))
        return stable(await self.bot.read(receipt.reply_key, "ben"))

    async def agreed(self, typed: str) -> str:
        """A dangerous plan, named by who asked and approved by somebody else, to its end."""
        receipt = await self.bot.command("ben", "general", typed)
        plan = receipt.reply_key.partition(":")[0]
        typed = (await self.bot.plan(plan)).must_type
        await self.bot.command("ben", "general", f"/approve {plan} {typed}")
        await self.bot.command("dev", "general", f"/approve {plan}")
        await self.bot.until(lambda: self._over(plan))
        return stable(await self.bot.read(receipt.reply_key, "ben"))

    async def _over(self, plan: str) -> bool:
        return (await self.bot.plan(plan)).state in FINAL
