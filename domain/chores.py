"""What is done again and again for as long as a process lives."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from domain.errors import Unavailable

logger = logging.getLogger(__name__)


async def forever(chore: Callable[[], Awaitable[None]], pause: float, fault: str) -> None:
    """Whatever is wrong with it, it must not be the last time."""
    while True:
        try:
            await chore()
        except Unavailable:
            logger.debug("%s: the database is away", fault)
        except Exception:
            logger.exception("%s: tried again later", fault)
        await asyncio.sleep(pause)
