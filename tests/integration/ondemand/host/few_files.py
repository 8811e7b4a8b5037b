"""``python -m``: the local host in a process that may open 400 files, which leaves 16 connections."""

import resource

from ondemand.host.__main__ import app

resource.setrlimit(resource.RLIMIT_NOFILE, (400, 400))
app()
