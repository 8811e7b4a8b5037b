"""The Functions app: one image, from which a Deployment picks its functions (see functions/deployments.py)."""

import os

from functions import logs
from functions.settings import LogSettings, load, strip_credentials
from functions.upstream import worker_logs
from functions.upstream.imports import collect_rarely, collector_off

strip_credentials(os.environ)
logs.install(os.environ)
worker_logs.install(load(LogSettings).log_level)
collect_rarely()
with collector_off():
    import azure.functions as func

    from functions import health
    from functions.catalog import catalog
    from functions.predict.blueprint import blueprint as predict
    from functions.run_model.blueprint import blueprint as run_model
    from functions.telemetry.start import start
    from functions.train.blueprint import blueprint as train
    from functions.upstream import message_times

    start(os.environ, catalog().models)

message_times.install()
app = func.FunctionApp()
for blueprint in (predict, train, run_model, health.blueprint):
    app.register_functions(blueprint)
for builder in app._function_builders:
    # azure-functions 1.26 has no public way to wrap what is registered, and a decorator would be forgotten some day.
    function = logs.clean_failure(builder._function.get_user_function())
    builder._function._func = worker_logs.in_invocation(function)
