"""Results that are kept as long as what they were made from stays the same."""

from collections.abc import Callable
from typing import Any

import torch

KEPT = 2  # results a name: with and without guidance


class Memo:
    """Remembers the last results of each kind of work by the identity of its inputs."""

    def __init__(self) -> None:
        self._kept: dict[str, list[tuple[tuple, tuple, Any]]] = {}

    def recall(self, name: str, work: Callable[..., Any], *inputs: Any) -> Any:
        """``work(*inputs)``, or what it gave for these very inputs.

        Tensors are the same if they are one object that was not written to since; anything else if it is equal. The
        inputs are kept with the result, so that no other object can come to have their identity.
        """
        kept, key = self._kept.setdefault(name, []), tuple(map(_identity, inputs))
        for known, _, result in kept:
            if known == key:
                return result
        result = work(*inputs)
        kept.append((key, inputs, result))
        del kept[:-KEPT]
        return result


def _identity(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        version = None if value.is_inference() else value._version  # inference tensors have none
        return id(value), version
    return value
