"""A page for people that shows one run."""

from datetime import UTC, datetime
from html import escape

from ondemand.databricks.notebook.child import Report
from ondemand.databricks.run import Run

HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'", "Cache-Control": "no-store"}
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1b1f24 }
th { text-align: left; padding-right: 2rem; font-weight: 600; vertical-align: top }
pre { background: #f4f5f7; padding: 1rem; overflow-x: auto; white-space: pre-wrap }
"""


def render_run(run: Run, report: Report | None, printed: str) -> str:
    """HTML that reloads itself while the run is active. Everything that comes from outside is escaped."""
    refresh = '<meta http-equiv="refresh" content="2">' if run.active else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">{refresh}
<title>Run {run.run_id}: {escape(_state(run))}</title><style>{_STYLE}</style></head>
<body><h1>{escape(run.name)}</h1>
{_table(_facts(run))}
<h2>Parameters</h2>{_table(run.parameters)}
{_sections(run, report, printed)}
</body></html>"""


def _facts(run: Run) -> dict[str, str]:
    return {
        "State": _state(run),
        "Message": run.ending.message if run.ending else "",
        "Notebook": run.notebook_path,
        "Run, task run": f"{run.run_id}, {run.task_run_id}",
        "Submitted": _time(run.submitted_at),
        "Started": _time(run.executing_at),
        "Ended": _time(run.ended_at),
    }


def _state(run: Run) -> str:
    return f"{run.state} ({run.ending.code})" if run.ending else run.state


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(" ", "milliseconds") if milliseconds else ""


def _table(rows: dict[str, str]) -> str:
    lines = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows.items())
    return f"<table>{lines}</table>"


def _sections(run: Run, report: Report | None, printed: str) -> str:
    texts = {
        "Error": report and report.error,
        "Trace": report and report.error_trace,
        "Result": report and report.result,
        "Printed": printed,
    }
    return "".join(f"<h2>{title}</h2><pre>{escape(text)}</pre>" for title, text in texts.items() if text)
