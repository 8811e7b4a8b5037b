"""The whole local stack as child processes: broker, MLflow, Databricks and one functions host per deployment."""

from ondemand.stack.addresses import Addresses
from ondemand.stack.data_folder import DataFolderError, DataFolderInUseError
from ondemand.stack.part import PartError
from ondemand.stack.stack import Stack

__all__ = ["Addresses", "DataFolderError", "DataFolderInUseError", "PartError", "Stack"]
