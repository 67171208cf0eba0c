"""What somebody said in the console, as Slack shows it: their name, where they said it, and their words."""

from __future__ import annotations

from collections.abc import Mapping

from commands.cards import Card, plain, rich, strong
from commands.ports import Post
from commands.presentation import speech


def card_of(post: Post, names: Mapping[str, str]) -> Card:
    """The card of a post. People whom somebody mentions are called; the author is named only, they know it."""
    if post.author is None:
        return post.card
    words = speech.spans("".join(plain(paragraph) for paragraph in post.card.paragraphs), names)
    author = strong(f"{names.get(post.author, post.author)} (console): ")
    return post.card.model_copy(update={"paragraphs": (rich(author, *words),)})
