# Databricks notebook source
# MAGIC %md
# MAGIC # Species of an iris
# MAGIC
# MAGIC Runs unchanged as a Databricks job and on this machine.

# COMMAND ----------
# The job sets one widget for each parameter of the catalog, and these two. Their values are text.
dbutils.widgets.text("max_depth", "3", "Depth of the tree")
dbutils.widgets.text("experiment", "/Shared/mlflow-ondemand/experiments/iris", "MLflow experiment")
dbutils.widgets.text("artifact_name", "model", "Name of the logged model")

max_depth = int(dbutils.widgets.get("max_depth"))

# COMMAND ----------
import mlflow
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

data = load_iris(as_frame=True)
features = data.data.rename(columns=lambda name: name.removesuffix(" (cm)").replace(" ", "_"))
species = data.target.map(dict(enumerate(data.target_names)))

model = DecisionTreeClassifier(max_depth=max_depth, random_state=0).fit(features, species)

# COMMAND ----------
experiment = mlflow.set_experiment(dbutils.widgets.get("experiment"))
with mlflow.start_run(experiment_id=experiment.experiment_id):  # also if two first trainings meet
    # Before the model: the parameters then stand on the model too, which is found by them.
    mlflow.log_params({"max_depth": max_depth})
    mlflow.log_metric("accuracy", model.score(features, species))
    mlflow.sklearn.log_model(
        model,
        name=dbutils.widgets.get("artifact_name"),
        signature=infer_signature(features, species),
        # Named here, because finding them out takes longer than the training.
        pip_requirements=["mlflow", "scikit-learn"],
        serialization_format="cloudpickle",
    )
