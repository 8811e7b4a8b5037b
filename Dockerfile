# Three images from one file: `docker build --target predict|train|run-model .`, or `make images` for all of them.
# They share the base, the start script and the code; each has only its own packages on top.
# No BuildKit features: `az acr build` has none.

# 3.13 or 3.14, for which there are lock files (docs/azure.md says what each base is, and until when it gets patches).
ARG PYTHON=3.13
# For a reproducible build give the digest too: --build-arg BASE_IMAGE=…:4-python3.13@sha256:…
# checkov:skip=CKV_DOCKER_7:the tag is in the default of BASE_IMAGE
ARG BASE_IMAGE=mcr.microsoft.com/azure-functions/python:4-python${PYTHON}

# The tag is in the default of BASE_IMAGE.
# hadolint ignore=DL3006
FROM ${BASE_IMAGE} AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY deploy/image/install.sh ./

FROM builder AS predict-packages
ARG PYTHON
COPY requirements/predict-${PYTHON}.txt requirements/
RUN ./install.sh requirements/predict-${PYTHON}.txt /packages

FROM builder AS train-packages
ARG PYTHON
COPY requirements/train-${PYTHON}.txt requirements/
RUN ./install.sh requirements/train-${PYTHON}.txt /packages

FROM builder AS run-model-packages
ARG PYTHON
# A runner pool with other libraries has a lock file of its own: requirements/pool-<pool>.txt, see docs/azure.md.
ARG REQUIREMENTS=requirements/run-model-${PYTHON}.txt
COPY ${REQUIREMENTS} requirements/pool.txt
RUN ./install.sh requirements/pool.txt /packages

# The tag is in the default of BASE_IMAGE.
# hadolint ignore=DL3006
FROM ${BASE_IMAGE} AS app
RUN groupadd --gid 10001 functions \
    && useradd --uid 10001 --gid 10001 --home-dir /tmp --no-create-home --shell /usr/sbin/nologin functions
COPY deploy/image/start.sh deploy/image/drain.py /opt/mlflow-ondemand/
COPY host.json function_app.py models.yaml /home/site/wwwroot/
COPY functions /home/site/wwwroot/functions
RUN python -m compileall -q --invalidation-mode unchecked-hash /home/site/wwwroot
WORKDIR /home/site/wwwroot
# HOME: the one place to write is /tmp, and the host looks for its extension bundle in /FuncExtensionBundles, which it
# derives from HOME being set. PYTHONPATH: the worker takes locked packages before its own where their folder lies below
# AzureWebJobsScriptRoot; its runtime library, azure-functions-runtime, is one of them. From Python 3.13 on it always
# does; earlier bases need PYTHON_ISOLATE_WORKER_DEPENDENCIES.
ENV ASPNETCORE_URLS=http://+:8080 \
    AzureWebJobsScriptRoot=/home/site/wwwroot \
    AzureFunctionsJobHost__Logging__Console__IsEnabled=true \
    AzureFunctionsJobHost__Logging__FileLoggingMode=Never \
    AzureFunctionsJobHost__FileWatchingEnabled=false \
    DOTNET_EnableDiagnostics=0 \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPATH=/home/site/wwwroot/.python_packages/lib/site-packages \
    PYTHONUNBUFFERED=1 \
    PYTHON_ISOLATE_WORKER_DEPENDENCIES=1
ARG VERSION=0
ARG REVISION=unknown
ARG BASE_IMAGE
LABEL org.opencontainers.image.title="mlflow-ondemand" \
      org.opencontainers.image.description="Train and serve MLflow models on demand" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE_IMAGE}"
EXPOSE 8080
USER 10001:10001
# Kubernetes ignores HEALTHCHECK; the chart has probes.
HEALTHCHECK NONE
ENTRYPOINT ["/opt/mlflow-ondemand/start.sh"]
CMD ["/azure-functions-host/Microsoft.Azure.WebJobs.Script.WebHost"]

FROM app AS predict
COPY --from=predict-packages /packages /home/site/wwwroot/.python_packages/lib/site-packages

FROM app AS train
COPY --from=train-packages /packages /home/site/wwwroot/.python_packages/lib/site-packages

FROM app AS run-model
COPY --from=run-model-packages /packages /home/site/wwwroot/.python_packages/lib/site-packages
