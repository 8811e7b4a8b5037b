# Databricks notebook source
# MAGIC %run ./setup

# COMMAND ----------
import torch

torch.manual_seed(seed)
model = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3))
signature = ModelSignature(inputs=Schema([TensorSpec(np.dtype("float32"), (-1, 2))]))
log(mlflow.pytorch, model, signature=signature, serialization_format="pickle")
