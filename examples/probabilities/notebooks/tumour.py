# Databricks notebook source
dbutils.widgets.text("c", "1", "Inverse strength of the penalty")
dbutils.widgets.text("experiment", "/Shared/mlflow-ondemand/experiments/tumour", "MLflow experiment")
dbutils.widgets.text("artifact_name", "model", "Name of the logged model")

c = float(dbutils.widgets.get("c"))

# COMMAND ----------
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

data = load_breast_cancer(as_frame=True)
features = data.data[["mean radius", "mean texture", "mean smoothness"]].rename(
    columns=lambda name: name.replace(" ", "_")
)
diagnosis = data.target.map(dict(enumerate(data.target_names)))
model = make_pipeline(StandardScaler(), LogisticRegression(C=c)).fit(features, diagnosis)

# COMMAND ----------
import mlflow
from mlflow.models import infer_signature

experiment = mlflow.set_experiment(dbutils.widgets.get("experiment"))
with mlflow.start_run(experiment_id=experiment.experiment_id):  # also if two first trainings meet
    mlflow.log_params({"c": c})
    mlflow.set_tag("classes", ", ".join(model.classes_))
    mlflow.sklearn.log_model(
        model,
        name=dbutils.widgets.get("artifact_name"),
        signature=infer_signature(features, model.predict_proba(features)),
        pip_requirements=["mlflow", "scikit-learn"],
        serialization_format="cloudpickle",
        pyfunc_predict_fn="predict_proba",
    )
