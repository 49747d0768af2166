"""A graph of ONNX as it grows: operators, and the numbers that they are given."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

OPSETS = {"": 17, "ai.onnx.ml": 3}
INPUT = "features"


class Graph:
    """Operators in double precision on a table of features, shape (n_samples, n_columns).

    Attributes
    ----------
    outputs : dict of str to str
        What each output of the graph is called, and the value that it is.
    """

    def __init__(self, n_columns: int) -> None:
        self.n_columns = n_columns
        self.outputs: dict[str, str] = {}
        self._nodes: list[Any] = []
        self._numbers: list[Any] = []

    def number(self, values: ArrayLike, kind: type = np.float64) -> str:
        """Return the name of a constant."""
        from onnx import numpy_helper

        name = f"number_{len(self._numbers)}"
        self._numbers.append(numpy_helper.from_array(np.asarray(values, dtype=kind), name))
        return name

    def add(self, operator: str, *inputs: str | ArrayLike, **attributes: Any) -> str:
        """Return the name of what an operator makes of names and numbers."""
        from onnx import helper

        name = f"{operator}_{len(self._nodes)}"
        names = [one if isinstance(one, str) else self.number(one) for one in inputs]
        self._nodes.append(helper.make_node(operator, names, [name], **attributes))
        return name

    def join(self, model: Any, inside: str) -> dict[str, str]:
        """Take in the operators of another model, whose only input is ``inside``; return its outputs by name."""
        from onnx import compose

        prefix = f"part_{len(self._nodes)}_"
        own = compose.add_prefix(model, prefix)
        self._nodes += [self._wired(node, own.graph.input[0].name, inside) for node in own.graph.node]
        self._numbers += own.graph.initializer
        return {one.name.removeprefix(prefix): one.name for one in own.graph.output}

    @staticmethod
    def _wired(node: Any, before: str, now: str) -> Any:
        names = [now if name == before else name for name in node.input]
        del node.input[:]
        node.input.extend(names)
        return node

    def model(self, metadata: dict[str, str], n_classes: int = 2) -> Any:
        """Return the whole model with its outputs: one number per row each, of more than two classes one per class."""
        from onnx import TensorProto, checker, helper

        for name, value in self.outputs.items():
            self._nodes.append(helper.make_node("Identity", [value], [name]))
        shape: list[str | int | None] = ["n_samples"] if n_classes == 2 else ["n_samples", n_classes]
        told = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, shape) for name in self.outputs]
        read = helper.make_tensor_value_info(INPUT, TensorProto.DOUBLE, ["n_samples", self.n_columns])
        graph = helper.make_graph(self._nodes, "radiofuse", [read], told, self._numbers)
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="radiofuse", ir_version=8)
        helper.set_model_props(model, metadata)
        checker.check_model(model)
        return model


def as_double(graph: Graph, value: str) -> str:
    """Return a value in double precision."""
    from onnx import TensorProto

    return graph.add("Cast", value, to=int(TensorProto.DOUBLE))


def behind(graph: Graph, value: str, axis: int) -> str:
    """Return a value with one more axis of length 1."""
    return graph.add("Unsqueeze", value, graph.number([axis], np.int64))


def summed(graph: Graph, value: str) -> str:
    """Return the sum over the second axis, which is gone then."""
    return graph.add("ReduceSum", value, graph.number([1], np.int64), keepdims=0)
