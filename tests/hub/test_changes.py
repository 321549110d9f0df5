"""Waiting for a change."""

import asyncio
import threading

from skerry_hub.changes import Changes


def test_a_count_that_is_another_is_answered_at_once():
    changes = Changes()
    assert asyncio.run(changes.wait(0, 60)) == 1
    changes.bump()
    assert asyncio.run(changes.wait(1, 60)) == 2
    # A hub that was started anew: the client's number is from another life.
    assert asyncio.run(changes.wait(900, 60)) == 2


def test_nothing_new_is_answered_after_the_time():
    assert asyncio.run(Changes().wait(1, 0.01)) == 1


def test_everybody_who_waits_is_woken_by_another_thread():
    changes = Changes()

    async def all_wait():
        waiting = [asyncio.create_task(changes.wait(1, 60)) for _ in range(50)]
        await asyncio.sleep(0)
        threading.Thread(target=changes.bump).start()
        return await asyncio.gather(*waiting)

    assert asyncio.run(all_wait()) == [2] * 50


def test_who_has_gone_is_not_waited_for():
    changes = Changes()

    async def cancelled():
        task = asyncio.create_task(changes.wait(1, 60))
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
