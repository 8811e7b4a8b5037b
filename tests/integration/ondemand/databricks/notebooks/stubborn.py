# Databricks notebook source
# mypy: ignore-errors
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

signal.signal(signal.SIGINT, signal.SIG_IGN)
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
Path(dbutils.widgets.get("running")).write_text(f"{os.getpid()} {grandchild.pid}")
time.sleep(600)
