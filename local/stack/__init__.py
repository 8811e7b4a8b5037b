"""The whole local stack as child processes: broker, MLflow, Databricks and one functions host per deployment."""

from local.stack.addresses import Addresses
from local.stack.data_folder import DataFolderInUseError
from local.stack.part import PartError
from local.stack.stack import Stack

__all__ = ["Addresses", "DataFolderInUseError", "PartError", "Stack"]
