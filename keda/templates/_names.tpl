{{/* Prefix of all names. */}}
{{- define "ondemand.fullname" -}}
{{- .Values.global.fullname | default .Release.Name -}}
{{- end }}

{{/* Name of a component's objects; dict "root" "component". A name may have 63 characters as a label. */}}
{{- define "ondemand.name" -}}
{{- $name := printf "%s-%s" (include "ondemand.fullname" .root) .component -}}
{{- if gt (len $name) 63 -}}
{{- fail (printf "the name %q has more than 63 characters: shorten global.fullname, the release or the pool" $name) -}}
{{- end -}}
{{- $name -}}
{{- end }}

{{/* Labels that select a component's pods; dict "root" "component". */}}
{{- define "ondemand.selector" -}}
app.kubernetes.io/name: mlflow-ondemand
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Labels of every object; dict "root" "component". */}}
{{- define "ondemand.labels" -}}
{{ include "ondemand.selector" . }}
app.kubernetes.io/part-of: mlflow-ondemand
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* What clients may call, as JSON. The host's /admin and /runtime are not among it. */}}
{{- define "ondemand.paths" -}}
{{- list "/predict" "/models" "/openapi.json" | toJson -}}
{{- end }}
