"""The executor "cluster" and the addresses of schedulers: chunks of items on the slots of a cluster of Dask."""

from __future__ import annotations

import asyncio
import itertools
import os
import pickle
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, InvalidStateError
from contextlib import suppress
from typing import Any

from pocket_lab.errors import ProcessDied
from pocket_lab.executors.chunks import Chunks, Grain
from pocket_lab.executors.cluster.cluster import Cluster
from pocket_lab.executors.cluster.slots import Loss, Worker, WorkerLost
from pocket_lab.executors.cluster.worker import ChunkCall, Stranger, call_function, run_chunk_call
from pocket_lab.executors.concurrent import Chunk, ConcurrentPool, wait_for_all
from pocket_lab.executors.faults.interrupt_gate import GATE
from pocket_lab.executors.faults.parcels import load
from pocket_lab.executors.outcome import Outcome, Outcomes, unpack_error
from pocket_lab.executors.pool import Call, Check, T
from pocket_lab.executors.process_worker import Refusal, Request, unpack_all
from pocket_lab.executors.remote.payload import Items, Payload, pickle_or_refuse
from pocket_lab.executors.remote.survivors import Reply, Survivors
from pocket_lab.units import format_duration

_STOPPED = Loss("was stopped", is_wanted=True)

Open = Callable[[], Cluster]


class ClusterPool(ConcurrentPool):
    """Slots of a cluster; `open_cluster` starts or joins it, at the first call and after it has broken."""

    is_remote = True
    grain = Grain(shortest_s=0.05, longest_s=0.2, most_unknown=16_384, is_even=True)

    def __init__(self, name: str, size: int, open_cluster: Open) -> None:
        self.name = name
        super().__init__(size)
        self._open_cluster = open_cluster
        self._cluster: Cluster | None = None
        self._replies: set[_Reply] = set()

    def _open(self) -> Executor:
        raise NotImplementedError

    def connected(self) -> Cluster:
        """The cluster, opened where it is not, and again where it has broken."""
        if self._cluster is not None and self._cluster.broken is not None:
            self.close()
        if self._cluster is None:
            self._cluster = self._open_cluster()
        return self._cluster

    @property
    def other_machines(self) -> list[str]:
        """As `Pool.other_machines`."""
        return sorted(self._remote_workers())

    @property
    def clock_doubts(self) -> list[str]:
        """As `Pool.clock_doubts`, one for each machine."""
        return [
            f"workers on {machine} have a clock of their own, which was compared with ours to within "
            f"{format_duration(worker.clock_within_s)}: times of their spans are uncertain by that against those of others"
            for machine, worker in self._remote_workers().items()
        ]

    def _remote_workers(self) -> dict[str, Worker]:
        """A worker of each other machine, by its name."""
        slots = () if self._cluster is None else self._cluster.slots
        return {slot.worker.machine: slot.worker for slot in slots if slot.worker is not None and slot.worker.machine}

    def start(self) -> None:
        """Wait until every slot has a worker."""
        self.everywhere(os.getpid)

    def everywhere(self, function: Callable[[], T]) -> list[T]:
        """Call the function once in each worker process, on a thread that runs tasks."""
        pickled = pickle_or_refuse("the function", function)
        with GATE:
            cluster = self.connected()
            called = cluster.loop.begin(self._call_everywhere(cluster, pickled))
        (answers,) = wait_for_all([called])
        return [load(answer) for answer in answers]

    async def _call_everywhere(self, cluster: Cluster, pickled: bytes) -> list[bytes]:
        try:
            workers = await cluster.processes(self.size)
        except WorkerLost as lost:
            raise ProcessDied(f"a worker process died: it {lost.loss.sentence}") from lost
        answers = [asyncio.ensure_future(self._call_there(cluster, worker, pickled)) for worker in workers]
        await asyncio.wait(answers)
        return [answer.result() for answer in answers]

    async def _call_there(self, cluster: Cluster, worker: Worker, pickled: bytes) -> Any:
        try:
            error, value = pickle.loads(await cluster.call(worker, call_function, worker.token, pickled))
        except WorkerLost as lost:
            raise ProcessDied(f"a worker process died: it {lost.loss.sentence}") from lost
        if isinstance(error, Stranger):
            raise ProcessDied("a worker process died: another one has its address")
        if error is not None:
            raise unpack_error(error)
        return value

    def imap(
        self, function: Call, items: Iterable[Any], workers: int | None = None, check: Check | None = None
    ) -> Iterator[Outcome]:
        """As `Pool.imap`; the function is pickled once, and sent once to each worker."""
        payload, chunks = self._begun(function, items, workers)
        return self._imap(payload, chunks, check, lambda done, chunk: self._arrived(payload, chunks, done, chunk))

    def imap_collect(
        self, function: Call, items: Iterable[Any], workers: int | None = None, check: Check | None = None
    ) -> Iterator[Outcome]:
        """As `Pool.imap_collect`; other workers go on with what they have."""
        payload, chunks = self._begun(function, items, workers)
        return self._imap(payload, chunks, check, Survivors(self._outcomes, chunks).arrived)

    def _begun(self, function: Call, items: Iterable[Any], workers: int | None) -> tuple[Payload, Chunks]:
        """A payload that has run before says how long its items take, so that no chunk is sent to find out."""
        payload, chunks = self.prepare(function), Chunks(items, self._tasks_in_flight(workers), self.grain)
        assert isinstance(payload, Payload)
        chunks.item_s = payload.item_s
        return payload, chunks

    def _arrived(self, payload: Payload, chunks: Chunks, done: Future[Any], chunk: Chunk) -> Iterator[Outcomes]:
        outcomes, seconds = self._outcomes(done)
        chunks.record_duration(len(outcomes), seconds)
        assert isinstance(done, _Reply)
        chunks.record_bytes(len(outcomes), done.size)
        payload.item_s = chunks.item_s
        yield outcomes

    def prepare(self, function: Call) -> Call:
        """The function pickled, once."""
        return function if isinstance(function, Payload) else Payload(function)

    def _packed(self, chunk: Chunk) -> Items:
        return Items(chunk[1])

    def _submit(self, function: Call, start: int, packed: Any) -> Future[Any]:
        assert isinstance(function, Payload)
        cluster = self.connected()
        reply = _Reply(next(cluster.numbers), start, packed)
        self._replies.add(reply)
        reply.add_done_callback(self._replies.discard)
        cluster.loop.begin(_Conversation(cluster, function, reply).run())
        return reply

    def _outcomes(self, done: Future[Any]) -> tuple[Outcomes, float]:
        assert isinstance(done, _Reply)
        try:
            packed, seconds, (cpu_s, queued_s) = done.result()
        except WorkerLost as lost:
            raise done.error(lost.loss) from lost
        self.cpu_s += cpu_s
        self.queued_s += queued_s
        return unpack_all(packed), seconds

    def _interrupt(self) -> None:
        with GATE:
            if self._cluster is not None:
                self._cluster.stop_running()
                for reply in list(self._replies) if self._cluster.borrowed else ():
                    reply.end(WorkerLost(_STOPPED))

    def close(self) -> None:
        """End the cluster if it is of this process, otherwise leave it."""
        with GATE:
            cluster, self._cluster = self._cluster, None
            if cluster is not None:
                cluster.close()


def own_cluster_pool(size: int) -> ClusterPool:
    """A pool on a cluster that this process starts."""
    from pocket_lab.executors.cluster.own import OwnCluster

    return ClusterPool("cluster", size, lambda: OwnCluster(size))


def joined_cluster_pool(address: str, size: int) -> ClusterPool:
    """A pool on a cluster that others have started."""
    from pocket_lab.executors.cluster.joined import JoinedCluster, rejoin

    openings = itertools.count()
    return ClusterPool(address, size, lambda: rejoin(address, size) if next(openings) else JoinedCluster(address, size))


class _Reply(Reply):
    """The answer to a chunk of a slot."""

    def __init__(self, chunk: int, start: int, items: Items) -> None:
        super().__init__(chunk)
        self.start = start
        self.items = items
        self.loss: Loss | None = None
        self.size = items.size  # bytes, later with those of the answer

    def end(self, error: BaseException | None, answer: Any = None) -> None:
        """Set the answer or the error, unless there is one: a call that was stopped waits for no answer."""
        with suppress(InvalidStateError):
            self.set_result(answer) if error is None else self.set_exception(error)

    def error(self, loss: Loss) -> ProcessDied:
        """The error of a worker that is gone, which names the item, or the items among which it is."""
        self.loss = loss
        item = self._item
        last = self.start + len(self.items) - 1
        if loss.may_go_on:
            return ProcessDied(f"a worker {loss.sentence}; it may go on with {_named(self.start, last)}")
        if item is not None:
            doing, finished = f"while it ran item {item}", range(self.start, item)
        else:
            doing, finished = f"while it had {_named(self.start, last)}", range(0)
        again = f", and had finished {_named(finished[0], finished[-1])}, whose results are lost" if finished else ""
        return ProcessDied(f"a worker process died: it {loss.sentence} {doing}{again}", item)

    @property
    def _item(self) -> int | None:
        """The item on which the worker was at work."""
        death = None if self.loss is None or self.loss.is_wanted else self.loss.death
        if death is not None and death.chunk == self.chunk and death.item is not None:
            return death.item
        is_alone = self.loss is not None and not self.loss.is_shared
        return self.start if self.is_suspect and is_alone and len(self.items) == 1 else None

    def blamed(self) -> ProcessDied | None:
        """As `Reply.blamed`."""
        if self.loss is None or self.loss.cause is not None or self._item is None:
            return None
        return self.error(self.loss)

    @property
    def ends_call(self) -> bool:
        """As `Reply.ends_call`."""
        return self.loss is not None and self.loss.may_go_on

    def unexplained(self) -> object | None:
        """As `Reply.unexplained`."""
        return None if self.loss is None or self.is_suspect else self.loss.cause or self

    @property
    def is_suspect(self) -> bool:
        """As `Reply.is_suspect`."""
        return self.loss is not None and self.loss.death is None and self.loss.cause is None


class _Conversation:
    """What is sent to a worker until it has answered a chunk."""

    def __init__(self, cluster: Cluster, payload: Payload, reply: _Reply) -> None:
        self._cluster = cluster
        self._payload = payload
        self._reply = reply

    async def run(self) -> None:
        """Set the reply."""
        try:
            answer = await self._answer()
        except BaseException as error:  # whoever waits for the reply gets what it was
            self._reply.end(error)
        else:
            if isinstance(answer, Refusal):
                self._reply.end(unpack_error(answer.error))
            else:
                self._reply.end(None, answer)

    async def _answer(self) -> Any:
        slot = await self._cluster.take()
        try:
            with self._cluster.channel() as channel:
                return await self._answer_of(await slot.get_worker(), channel)
        finally:
            slot.load -= 1

    async def _answer_of(self, worker: Worker, channel: int) -> Any:
        while True:
            sent = await self._sent(worker, channel)
            self._reply.size += len(sent)
            answer = pickle.loads(sent)
            if answer is Request.FUNCTION:
                worker.known.discard(self._payload.digest)
            elif answer is Request.ITEMS_APART:
                self._reply.items.take_apart()
            elif isinstance(answer, Stranger):
                worker.lose(Loss("was replaced by another one at its address", cause=object()))
                raise WorkerLost(worker.lost.result())
            else:
                worker.known.add(self._payload.digest)
                return answer

    async def _sent(self, worker: Worker, channel: int) -> Any:
        payload, reply = self._payload, self._reply
        call = ChunkCall(
            member=worker.token,
            session=self._cluster.session,
            channel=channel,
            chunk=reply.chunk,
            start=reply.start,
            digest=payload.digest,
            is_alone=worker.slots == 1,
            clock_s=worker.clock_s,
        )
        pickled = None if payload.digest in worker.known else payload.pickled
        return await self._cluster.call(worker, run_chunk_call, call, pickled, reply.items.pickled)


def _named(first: int, last: int) -> str:
    return f"item {first}" if first == last else f"items {first} to {last}"
