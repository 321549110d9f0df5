"""Waiting for a change."""

import asyncio
import threading

from skerry_hub.writer.changes import Changes

FOREVER_S = 1e6


def answered(waiting):
    """Return what is waited for; an answer after a long time is none."""
    return asyncio.run(asyncio.wait_for(waiting, 20))


def test_a_count_that_is_another_is_answered_at_once():
    changes = Changes()
    assert answered(changes.wait(0, FOREVER_S)) == 1
    changes.bump()
    assert answered(changes.wait(1, FOREVER_S)) == 2
    # A hub that was started anew: the client's number is from another life.
    assert answered(changes.wait(900, FOREVER_S)) == 2


def test_nothing_new_is_answered_after_the_time():
    assert asyncio.run(Changes().wait(1, 0.01)) == 1


def test_everybody_who_waits_is_woken_by_another_thread():
    changes = Changes()

    async def all_wait():
        waiting = [asyncio.create_task(changes.wait(1, FOREVER_S)) for _ in range(50)]
        await asyncio.sleep(0)
        threading.Thread(target=changes.bump).start()
        return await asyncio.gather(*waiting)

    assert answered(all_wait()) == [2] * 50


def test_who_has_gone_is_not_waited_for():
    changes = Changes()

    async def cancelled():
        task = asyncio.create_task(changes.wait(1, FOREVER_S))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(cancelled())
    assert changes._waiting == set()


def test_a_loop_that_has_ended_keeps_nobody_from_counting():
    changes, loop = Changes(), asyncio.new_event_loop()
    changes._waiting.add((loop, asyncio.Event()))
    loop.close()
    changes.bump()
    assert changes.count == 2
