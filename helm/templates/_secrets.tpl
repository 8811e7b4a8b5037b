{{/*
The secrets that a function may have, as JSON: {environment variable: name under .Values.secrets}; dict "root" "function".
Each function gets its own and no other's.
*/}}
{{- define "ondemand.secretsOf" -}}
{{- $auth := .root.Values.databricks.auth -}}
{{- $secrets := dict "APPLICATIONINSIGHTS_CONNECTION_STRING" "applicationInsights" -}}
{{- if .root.Values.telemetry.openTelemetry.enabled -}}
{{- $_ := set $secrets "OTEL_EXPORTER_OTLP_HEADERS" "otlpHeaders" -}}
{{- end -}}
{{- if ne .function "train" -}}
{{- $_ := set $secrets "MLFLOW_TRACKING_TOKEN" "mlflowToken" -}}
{{- end -}}
{{- $_ := set $secrets "AZURE_STORAGE_ACCOUNT_KEY" "storageAccountKey" -}}
{{- if eq .function "predict" -}}
{{- $_ := set $secrets "IDEMPOTENCY_SECRET" "idempotencySecret" -}}
{{- end -}}
{{- if or (eq .function "train") (include "ondemand.onDatabricks" .root) -}}
{{- if eq .function "predict" -}}
{{- $_ := set $secrets "DATABRICKS_TOKEN" "databricksToken" -}}
{{- else if eq $auth "token" -}}
{{- $_ := set $secrets "DATABRICKS_TOKEN" (include "ondemand.databricksSecret" .) -}}
{{- else if eq $auth "client-secret" -}}
{{- $_ := set $secrets "DATABRICKS_CLIENT_SECRET" (include "ondemand.databricksSecret" .) -}}
{{- end -}}
{{- end -}}
{{- $given := dict -}}
{{- range $variable, $name := $secrets -}}
{{- $reference := get $.root.Values.secrets $name -}}
{{- if and $reference.secret $reference.keyVaultObject -}}
{{- fail (printf "secrets.%s: secret or keyVaultObject, not both" $name) -}}
{{- end -}}
{{- if or $reference.secret $reference.keyVaultObject -}}{{- $_ := set $given $variable $name -}}{{- end -}}
{{- end -}}
{{- $given | toJson -}}
{{- end }}

{{/*
Which of .Values.secrets opens Databricks for train or run-model, empty for oidc; dict "root" "function". Train may start
runs, so nobody else has its secret.
*/}}
{{- define "ondemand.databricksSecret" -}}
{{- $secrets := ternary (dict "token" "databricksTrainToken" "client-secret" "databricksTrainClientSecret")
  (dict "token" "databricksToken" "client-secret" "databricksClientSecret") (eq .function "train") -}}
{{- get $secrets .root.Values.databricks.auth -}}
{{- end }}

{{/* Name of the SecretProviderClass of a component, and of the Secret that the CSI driver keeps for it; dict "root" "component". */}}
{{- define "ondemand.keyVaultSecret" -}}
{{- include "ondemand.name" (dict "root" .root "component" (printf "%s-keyvault" .component)) -}}
{{- end }}

{{/* Environment variables from Secrets; dict "root" "function". */}}
{{- define "ondemand.secretEnvironment" -}}
{{- range $variable, $name := include "ondemand.secretsOf" . | fromJson }}
{{- $reference := get $.root.Values.secrets $name }}
{{- if not $reference.keyVaultObject }}
- name: {{ $variable }}
  valueFrom:
    secretKeyRef:
      name: {{ $reference.secret | quote }}
      key: {{ $reference.key | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/*
Key Vault secrets of a function that start.sh makes variables of, as JSON: {variable: name in the Key Vault}; dict "root"
"function". Never variables of the pod: KEDA reads those, and from zero replicas there is no Secret to read.
*/}}
{{- define "ondemand.keyVaultVariables" -}}
{{- $objects := dict -}}
{{- range $variable, $name := include "ondemand.secretsOf" . | fromJson -}}
{{- with (get $.root.Values.secrets $name).keyVaultObject -}}{{- $_ := set $objects $variable . -}}{{- end -}}
{{- end -}}
{{- $objects | toJson -}}
{{- end }}

{{/* Keys of the Functions host that a function gets from the Key Vault, as JSON: {key: name in the Key Vault}; dict "root" "function". */}}
{{- define "ondemand.keyVaultKeys" -}}
{{- $keys := .root.Values.functionKeys -}}
{{- if and $keys.secret $keys.keyVaultObjects -}}
{{- fail "functionKeys: secret or keyVaultObjects, not both" -}}
{{- end -}}
{{- if eq .function "predict" -}}{{- $keys.keyVaultObjects | toJson -}}{{- else -}}{}{{- end -}}
{{- end }}

{{/* Whether a function has a SecretProviderClass, as "true" or empty; dict "root" "function". */}}
{{- define "ondemand.usesKeyVault" -}}
{{- if or (include "ondemand.keyVaultVariables" . | fromJson) (include "ondemand.keyVaultKeys" . | fromJson) -}}true{{- end -}}
{{- end }}
