"""Image: `kubectl set image deployment/api-gateway gateway=registry/gateway:1.4.3`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from commands.actions.action import Action, Leasable
from commands.actions.altering import Alteration
from commands.domain.plan import Plan
from commands.errors import Malformed
from commands.grammar.arguments import Option, Word
from commands.ports import Draft
from commands.presentation.words import cut

_IMAGE = re.compile(r"[A-Za-z0-9][\w.:@/-]{0,299}")
_WHOLE = re.compile(r"[/:@]")


@dataclass(frozen=True)
class ImageArgs(Leasable):
    """Arguments of `/gw image`."""

    image: Annotated[str, Word("an image, or a tag of the one that runs, as 1.4.3")]
    container: Annotated[str, Option("--container", "which container, where there are several")] = ""


@dataclass(frozen=True, kw_only=True)
class ImageBefore(ImageArgs):
    """The way back: the image as it stood there. What people type may be a tag."""

    exact: bool = True


class Image(Alteration[ImageArgs]):
    """Rolls out another image."""

    name = "image"
    path = ("gw", "image")
    summary = "Plan another image or tag; it rolls out once it is confirmed."
    example = "/gw image 1.4.3"
    instead = "The local gateway has no images. Install the version that you want, then /gw restart."
    args = ImageArgs
    parts = ("container",)
    undo = "/gw undo puts back the image"

    def check(self, args: ImageArgs) -> None:
        """Only what may be an image."""
        if not _IMAGE.fullmatch(args.image):
            raise Malformed(f"“{cut(args.image, 60)}” is no image and no tag.", example=self.example)

    def says(self, args: ImageArgs, draft: Draft, service: str) -> str:  # noqa: ARG002
        """With the tag, which tells most."""
        return f"Set the image of {service} to {_short(draft.settled['image'])}"

    def back(self, draft: Draft) -> str:
        """With the image that runs, written so that it is none of its tags."""
        image = draft.before["image"]
        whole = image if _WHOLE.search(image) else f"{image}:latest"
        return f"/gw image {whole} --container {draft.before['container']}"

    def inverse(self, plan: Plan) -> tuple[Action[Any], Any]:
        """The image before."""
        return ACTION, ImageBefore(image=plan.before["image"], container=plan.before["container"])


def _short(image: str) -> str:
    return cut(image.rpartition("/")[2], 60)


ACTION = Image()
