"""Rebuild the plain int8 graph of all-MiniLM-L6-v2 so that onnxruntime runs it quicker.

usage: python build.py PLAIN.onnx all-minilm-l6-v2-int8.onnx        (needs numpy and onnx)

Quantised weights stay as they are, bit by bit. What is different, and why, is in README.md.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx  # type: ignore[import-not-found]
from onnx import TensorProto, helper, numpy_helper

LAYERS, WIDTH, HEADS = 6, 384, 12
POSITIONS = 258  # of 512: the longest text embedded in one go has 256 pieces and two around it
MICROSOFT = "com.microsoft"


class Graph:
    """The nodes and constants of a graph in the making."""

    def __init__(self, plain: Path) -> None:
        self.old = {c.name: numpy_helper.to_array(c) for c in onnx.load(plain).graph.initializer}
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: Any) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def kept(self, name: str) -> str:
        return self.constant(name, self.old[name])

    def node(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> list[str]:
        names = [f"{kind}_{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names

    def layer_norm(self, x: str, name: str) -> str:
        weights = self.kept(f"{name}.w"), self.kept(f"{name}.b")
        return self.node("LayerNormalization", x, *weights, axis=-1, epsilon=1e-12)[0]

    def linear(self, x: str, name: str) -> str:
        assert not self.old[f"{name}.w_zero_point"].any(), "the weights are symmetric"
        weights = self.kept(f"{name}.w_quantized"), self.kept(f"{name}.w_scale")
        bias = self.kept(f"{name}.b")
        return self.node("DynamicQuantizeMatMul", x, *weights, "", bias, domain=MICROSOFT)[0]

    def attention(self, x: str, name: str) -> str:
        def together(end: str) -> str:
            parts = [self.old[f"{name}.{part}{end}"] for part in ("query", "key", "value")]
            return self.constant(f"{name}{end}", np.concatenate(parts, axis=-1))

        x, scale, zero = self.node("DynamicQuantizeLinear", x, outputs=3)
        weights, bias, scales = together(".w_quantized"), together(".b"), together(".w_scale")
        inputs = [x, weights, bias, scale, scales, "", zero, together(".w_zero_point")]
        return self.node("QAttention", *inputs, domain=MICROSOFT, num_heads=HEADS)[0]

    def add(self, x: str, y: str) -> str:
        return self.node("Add", x, y)[0]


def build(plain: Path, target: Path) -> None:
    """Write the graph to `target`, and its weights beside it."""
    graph = Graph(plain)
    old = graph.old
    # LayerNormalization does not care for a common factor: instead of multiplying every embedding
    # by its scale, the few positions are divided by it here, once.
    positions = old["wpe_quantized"][:POSITIONS].astype(np.float32) - old["wpe_zero_point"]
    positions = positions * (old["wpe_scale"] / old["wte_scale"])
    positions -= old["wte_zero_point"].astype(np.float32)
    first, axis = graph.constant("zero", np.array([0])), graph.constant("one", np.array([1]))
    (words,) = graph.node("Gather", graph.kept("wte_quantized"), "input_ids")
    (words,) = graph.node("Cast", words, to=TensorProto.FLOAT)
    (length,) = graph.node("Shape", "input_ids", start=1)
    table = graph.constant("positions", positions)
    (places,) = graph.node("Slice", table, first, length, first)
    x = graph.layer_norm(graph.add(words, places), "embeddings.LayerNorm")
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        attention = graph.attention(x, f"{name}.attention.self")
        y = graph.linear(attention, f"{name}.attention.output.dense")
        x = graph.layer_norm(graph.add(y, x), f"{name}.attention.output.LayerNorm")
        (y,) = graph.node("Gelu", graph.linear(x, f"{name}.intermediate.dense"))
        y = graph.linear(y, f"{name}.output.dense")
        x = graph.layer_norm(graph.add(y, x), f"{name}.output.LayerNorm")
    (total,) = graph.node("ReduceSum", x, axis, keepdims=0)
    (norm,) = graph.node("ReduceL2", total, axis, keepdims=1)
    graph.nodes.append(helper.make_node("Div", [total, norm], ["emb"]))

    numbers = helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "pieces"])
    vector = helper.make_tensor_value_info("emb", TensorProto.FLOAT, [1, WIDTH])
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid(MICROSOFT, 1)]
    whole = helper.make_graph(graph.nodes, "minilm", [numbers], [vector], graph.constants)
    model = helper.make_model(whole, opset_imports=opsets, ir_version=9)
    weights = target.with_suffix(".weights")
    weights.unlink(missing_ok=True)  # onnx appends to what is there
    onnx.save(model, target, save_as_external_data=True, location=weights.name, size_threshold=4096)


if __name__ == "__main__":
    build(Path(sys.argv[1]), Path(sys.argv[2]))
