"""Several processes at once: at every call to AWS it is decided who goes on."""

import random
import threading

from .errors import FunctionError


class Interleaving:
    """Runs works in threads of which exactly one goes on at a time; ``seed`` decides which."""

    def __init__(self, world, seed):
        self.world = world
        self._random = random.Random(seed)
        self._turn = threading.Condition()
        self._alive = []
        self._running = None

    def run(self, *works):
        """Run them all to their end; the errors of functions are theirs."""
        threads = [threading.Thread(target=self._thread, args=(work,)) for work in works]
        self._alive = list(threads)
        self._running = self._random.choice(threads)
        self.world.turn = lambda _process: self._pass_on()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.world.turn = None
        if self.world.broken:
            raise self.world.broken[0]

    def _thread(self, work):
        me = threading.current_thread()
        with self._turn:
            self._turn.wait_for(lambda: self._running is me)
        try:
            work()
        except (FunctionError, AssertionError):
            pass  # broken promises are kept by the world
        finally:
            with self._turn:
                self._alive.remove(me)
                self._running = self._random.choice(self._alive) if self._alive else None
                self._turn.notify_all()

    def _pass_on(self):
        me = threading.current_thread()
        with self._turn:
            if self._random.random() < 0.4:
                self._running = self._random.choice(self._alive)
                self._turn.notify_all()
            self._turn.wait_for(lambda: self._running is me)
