"""The MLflow flavours that a catalog may allow, and what loads each of them."""

PYTHON_FUNCTION = "python_function"
"""Models with code of their own: PythonModels and models from code."""

LOADER_MODULES: dict[str, frozenset[str]] = {
    **{
        name: frozenset({f"mlflow.{name}"})
        for name in (
            "catboost", "h2o", "keras", "lightgbm", "onnx", "paddle", "pmdarima", "prophet", "pytorch",
            "sentence_transformers", "sklearn", "spacy", "statsmodels", "tensorflow", "transformers", "xgboost",
        )
    },
    PYTHON_FUNCTION: frozenset(
        {"mlflow.pyfunc.model", "mlflow.pyfunc.loaders.code_model"}
    ),
}  # fmt: skip
"""The loader modules of each flavour: what MLflow imports and hands the artifact to, whatever else it is called."""
