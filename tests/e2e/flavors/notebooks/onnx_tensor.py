# Databricks notebook source
# MAGIC %run ./setup

# COMMAND ----------
from onnx import TensorProto, helper, numpy_helper

weights = numpy_helper.from_array(random.random((2, 3), dtype=np.float32), "weights")
graph = helper.make_graph(
    [helper.make_node("MatMul", ["homes", "weights"], ["price"])],
    "linear",
    [helper.make_tensor_value_info("homes", TensorProto.FLOAT, [None, 2])],
    [helper.make_tensor_value_info("price", TensorProto.FLOAT, [None, 3])],
    [weights],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
signature = ModelSignature(inputs=Schema([TensorSpec(np.dtype("float32"), (-1, 2), "homes")]))
log(mlflow.onnx, model, signature=signature)
