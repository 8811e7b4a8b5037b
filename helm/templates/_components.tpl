{{/*
Every Deployment, as JSON: [{"component", "function", "where", "queue", "scaled", "values"}]. "where" is where its values are,
"scaled" whether KEDA decides on its replicas. A pool inherits everything from runModel but its identity.
*/}}
{{- define "ondemand.components" -}}
{{- include "ondemand.knownPools" (dict "root" . "pools" .Values.pools "where" "pools") -}}
{{- $keda := .Values.keda -}}
{{- $components := list
  (dict "component" "predict" "function" "predict" "where" "predict" "values" .Values.predict "scaled" (and $keda.enabled $keda.predict.enabled))
  (dict "component" "train" "function" "train" "where" "train" "values" .Values.train "scaled" (and $keda.enabled $keda.train.enabled)) -}}
{{- range include "ondemand.pools" . | fromJsonArray -}}
{{- $own := get $.Values.pools .pool | default dict -}}
{{- $values := mergeOverwrite (deepCopy $.Values.runModel) $own -}}
{{- if .pool -}}
{{- $identity := merge (dict) ($own.identity | default dict) (dict "clientId" "" "databricksClientId" "") -}}
{{- if ne $.Values.databricks.auth "oidc" -}}
{{- /* One secret, so one service principal. */ -}}
{{- $_ := set $identity "databricksClientId" $values.identity.databricksClientId -}}
{{- end -}}
{{- $_ := set $values "identity" $identity -}}
{{- end -}}
{{- $where := ternary (printf "pools.%s" .pool) "runModel" (ne .pool "") -}}
{{- $scaling := mergeOverwrite (deepCopy $keda.runModel) (get $keda.pools .pool | default dict) -}}
{{- $scaled := and $keda.enabled $scaling.enabled -}}
{{- $component := dict "component" .component "function" "run-model" "where" $where "queue" .queue "values" $values "scaled" $scaled -}}
{{- $components = append $components $component -}}
{{- end -}}
{{- range $components -}}
{{- if and .scaled .values.autoscaling.enabled -}}
{{- fail (printf "%s: autoscaling.enabled and KEDA would both decide on its replicas; set enabled: false for it under keda" .component) -}}
{{- end -}}
{{- end -}}
{{- $components | toJson -}}
{{- end }}

{{/* The functions a component's host starts, as JSON; dict "root" "function". They are those of functions/deployments.py. */}}
{{- define "ondemand.functions" -}}
{{- $functions := list (.function | replace "-" "_") -}}
{{- if eq .function "predict" -}}
{{- $functions = concat $functions (list "operation" "models" "model" "openapi" "adopt_results" "dead_letters_train" "dead_letters_results") -}}
{{- range include "ondemand.pools" .root | fromJsonArray -}}
{{- $functions = append $functions (printf "dead_letters_%s" (.queue | replace "-" "_")) -}}
{{- end -}}
{{- end -}}
{{- concat $functions (list "live" "ready") | toJson -}}
{{- end }}

{{/* Image of a component; dict "root" "image". */}}
{{- define "ondemand.image" -}}
{{- $registry := required "image.registry: the registry of your images, see docs/azure.md" .root.Values.image.registry -}}
{{- if .image.digest -}}
{{ $registry }}/{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ $registry }}/{{ .image.repository }}:{{ .image.tag | default .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* Whether models are in Databricks, as "true" or empty. */}}
{{- define "ondemand.onDatabricks" -}}
{{- if hasPrefix "databricks" .Values.mlflow.trackingUri -}}true{{- end -}}
{{- end }}
