{{/* A number as the code reads it: 10737418240, not 1.073741824e+10. */}}
{{- define "ondemand.number" -}}
{{- if kindIs "bool" . -}}{{- . -}}{{- else if eq (float64 .) (floor .) -}}{{- int64 . -}}{{- else -}}{{- . -}}{{- end -}}
{{- end }}

{{/* hh:mm:ss of a number of seconds. */}}
{{- define "ondemand.timespan" -}}
{{- $seconds := int . -}}
{{- printf "%02d:%02d:%02d" (div $seconds 3600) (mod (div $seconds 60) 60) (mod $seconds 60) -}}
{{- end }}

{{/* Host name of the Service Bus namespace. */}}
{{- define "ondemand.servicebusHost" -}}
{{- $domains := dict
  "AzurePublicCloud" "servicebus.windows.net"
  "AzureUSGovernmentCloud" "servicebus.usgovcloudapi.net"
  "AzureChinaCloud" "servicebus.chinacloudapi.cn" -}}
{{- $missing := "set global.servicebus.namespace (workload identity), or global.servicebus.connectionSecret.name (connection string)" -}}
{{- with .Values.global.servicebus -}}
{{ required $missing .namespace }}.{{ get $domains .cloud }}
{{- end -}}
{{- end }}

{{/* All environment variables of a component; dict "root" and what ondemand.components says of it. */}}
{{- define "ondemand.environment" -}}
{{ include "ondemand.hostEnvironment" . }}
{{ include "ondemand.busEnvironment" . }}
- name: CATALOG_FILE
  value: /etc/mlflow-ondemand/models.yaml
{{ include "ondemand.storeEnvironment" . }}
{{- if .queue }}
- name: RUN_MODEL_QUEUE
  value: {{ .queue }}
- name: MODEL_CACHE_DIR
  value: /var/cache/mlflow-ondemand/models
{{- end }}
{{- include "ondemand.databricksEnvironment" . }}
{{- range $name, $value := .values.settings }}
- name: {{ $name }}
  value: {{ include "ondemand.number" $value | quote }}
{{- end }}
{{- include "ondemand.secretEnvironment" . }}
{{- with .values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The Functions host's own settings. */}}
{{- define "ondemand.hostEnvironment" -}}
{{- $timespan := include "ondemand.timespan" .root.Values.host.functionTimeoutSeconds -}}
- name: AzureFunctionsWebHost__hostid
  value: {{ include "ondemand.name" . | trunc 32 | trimSuffix "-" }}
- name: AzureWebJobsSecretStorageType
  value: kubernetes
- name: AzureFunctionsJobHost__functionTimeout
  value: {{ $timespan | quote }}
- name: AzureFunctionsJobHost__extensions__serviceBus__maxAutoLockRenewalDuration
  value: {{ $timespan | quote }}
{{- with .values.settings.MAX_BODY_BYTES }}
# The host reads the whole body before the function sees it. The rest is for the function's own answer, which says more.
- name: FUNCTIONS_REQUEST_BODY_SIZE_LIMIT
  value: {{ add 1048576 (int64 .) | quote }}
{{- end }}
{{- range $index, $function := include "ondemand.functions" . | fromJsonArray }}
- name: AzureFunctionsJobHost__functions__{{ $index }}
  value: {{ $function }}
{{- end }}
{{- with .root.Values.telemetry.openTelemetry }}
{{- if .enabled }}
- name: AzureFunctionsJobHost__telemetryMode
  value: OpenTelemetry
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ .endpoint | quote }}
# The functions send by HTTP, and the host as they do.
- name: OTEL_EXPORTER_OTLP_PROTOCOL
  value: http/protobuf
- name: OTEL_SERVICE_NAME
  value: {{ include "ondemand.name" $ }}
{{- end }}
{{- end }}
{{- end }}

{{- define "ondemand.busEnvironment" -}}
{{- with .root.Values.global.servicebus.connectionSecret }}
{{- if .name -}}
- name: SERVICEBUS_CONNECTION
  valueFrom:
    secretKeyRef:
      name: {{ .name | quote }}
      key: {{ .key | quote }}
{{- else -}}
- name: SERVICEBUS_CONNECTION__fullyQualifiedNamespace
  value: {{ include "ondemand.servicebusHost" $.root }}
{{- $missing := printf "%s.identity.clientId: client id of its managed identity; or set global.servicebus.connectionSecret.name" $.where }}
- name: SERVICEBUS_CONNECTION__clientId
  value: {{ required $missing $.values.identity.clientId | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- define "ondemand.storeEnvironment" -}}
- name: OPERATIONS_URL
  value: {{ required "operations.url: the operation store, az://container/prefix" .root.Values.operations.url | quote }}
{{- if and (hasPrefix "az://" .root.Values.operations.url) (not .root.Values.operations.storageAccount) }}
{{- fail "operations.storageAccount: the storage account of operations.url" }}
{{- end }}
{{- $key := .root.Values.secrets.storageAccountKey -}}
{{- if and (hasPrefix "az://" .root.Values.operations.url) (not (or .values.identity.clientId $key.secret $key.keyVaultObject)) }}
{{- fail (printf "secrets.storageAccountKey: the key of operations.storageAccount, as %s.identity.clientId is empty and operations.url is az://" .where) }}
{{- end }}
{{- with .root.Values.operations.storageAccount }}
- name: AZURE_STORAGE_ACCOUNT_NAME
  value: {{ . | quote }}
{{- end }}
{{- if ne .function "train" }}
- name: MLFLOW_TRACKING_URI
  value: {{ required "mlflow.trackingUri: databricks, or the address of an MLflow server" .root.Values.mlflow.trackingUri | quote }}
{{- end }}
{{- end }}

{{/* How a function reaches Databricks: train always, the others where models are there. */}}
{{- define "ondemand.databricksEnvironment" -}}
{{- if or (eq .function "train") (include "ondemand.onDatabricks" .root) }}
{{- $databricks := .root.Values.databricks }}
- name: DATABRICKS_HOST
  value: {{ required "databricks.host: the workspace, https://adb-….azuredatabricks.net" $databricks.host | quote }}
{{- if ne .function "predict" }}
{{- with include "ondemand.databricksSecret" . }}
{{- $reference := get $.root.Values.secrets . }}
{{- if not (or $reference.secret $reference.keyVaultObject) }}
{{- fail (printf "secrets.%s: where it is, for databricks.auth: %s" . $databricks.auth) }}
{{- end }}
{{- end }}
- name: DATABRICKS_AUTH_TYPE
  value: {{ get (dict "oidc" "file-oidc" "client-secret" "oauth-m2m" "token" "pat") $databricks.auth }}
{{- if ne $databricks.auth "token" }}
{{- $missing := printf "%s.identity.databricksClientId: client id of its service principal in Databricks" .where }}
- name: DATABRICKS_CLIENT_ID
  value: {{ required $missing .values.identity.databricksClientId | quote }}
{{- end }}
{{- if eq $databricks.auth "oidc" }}
- name: DATABRICKS_OIDC_TOKEN_FILEPATH
  value: /var/run/secrets/databricks/token
{{- end }}
{{- end }}
{{- end }}
{{- end }}
