"""The queue of earlier vectors: first in, first out, and never of the same recording."""

from __future__ import annotations

import torch

from skeletonmae.methods.memory_queue import UNKNOWN, MemoryQueue, queue_size


def test_the_oldest_entries_are_replaced() -> None:
    queue = MemoryQueue(5, 2)
    for first in (0, 3, 6):
        number = torch.arange(first, first + 3)
        queue.add(number[:, None].expand(3, 2).float(), number)
    assert queue.recording.tolist() == [5, 6, 7, 8, 4]
    assert queue.vectors[:, 0].tolist() == [5, 6, 7, 8, 4]
    assert int(queue.next_entry) == 4
    queue.add(torch.arange(10, 17)[:, None].expand(7, 2).float(), torch.arange(10, 17))
    assert sorted(queue.recording.tolist()) == [12, 13, 14, 15, 16]
    assert torch.equal(queue.vectors[:, 1].long(), queue.recording)


def test_entries_that_are_empty_unknown_or_of_the_same_recording_are_not_usable() -> None:
    queue = MemoryQueue(4, 1)
    queue.add(torch.ones(3, 1), torch.tensor([7, UNKNOWN, 9]))
    usable = queue.usable(torch.tensor([7, 8, UNKNOWN]))
    assert usable.tolist() == [[False, False, True, False], [True, False, True, False], [True, False, True, False]]


def test_it_is_restored_from_its_state_dict() -> None:
    queue, other = MemoryQueue(3, 1), MemoryQueue(3, 1)
    queue.add(torch.ones(2, 1), torch.tensor([1, 2]))
    other.load_state_dict(queue.state_dict())
    for each in (queue, other):
        each.add(torch.full((2, 1), 5.0), torch.tensor([3, 4]))
    assert other.recording.tolist() == queue.recording.tolist() == [4, 2, 3]
    assert torch.equal(other.vectors, queue.vectors)


def test_its_size_is_at_most_the_number_of_recordings() -> None:
    assert [queue_size(100, number) for number in (None, 0, 40, 400)] == [100, 100, 40, 100]
