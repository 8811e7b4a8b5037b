{{/* What clients may call, as JSON. The host's /admin and /runtime are not among it. */}}
{{- define "ondemand.paths" -}}
{{- list "/predict" "/models" "/openapi.json" | toJson -}}
{{- end }}

{{/* Whether requests go through the interceptor of the KEDA HTTP add-on, as "true" or empty. */}}
{{- define "ondemand.intercepted" -}}
{{- if and .Values.keda.enabled .Values.keda.predict.enabled .Values.keda.predict.http.enabled -}}true{{- end -}}
{{- end }}

{{/* Port of the OpenTelemetry collector. */}}
{{- define "ondemand.collectorPort" -}}
{{- $endpoint := urlParse .Values.telemetry.openTelemetry.endpoint -}}
{{- regexFind ":[0-9]+$" $endpoint.host | trimPrefix ":" | default (get (dict "http" "80" "https" "443") $endpoint.scheme) -}}
{{- end }}
