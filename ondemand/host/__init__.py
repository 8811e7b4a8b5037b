"""A small Azure Functions host: runs a Python v2 function app on one machine, with the SDKs it has in Azure.

It reads the same files as the official host (``function_app.py``, ``host.json``, ``local.settings.json``), honours the
same environment variables (``AzureFunctionsJobHost__*``) and hands the functions the same ``azure.functions`` objects.
HTTP triggers and Service Bus queue triggers are supported. As with ``func start``, function keys are not checked: every
HTTP function is anonymous here.
"""
