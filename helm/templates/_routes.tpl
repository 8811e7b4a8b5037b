{{/* Whether requests go through the interceptor of the KEDA HTTP add-on, as "true" or empty. */}}
{{- define "ondemand.intercepted" -}}
{{- if and .Values.keda.enabled .Values.keda.predict.enabled .Values.keda.predict.http.enabled -}}true{{- end -}}
{{- end }}

{{/* Port of the OpenTelemetry collector. */}}
{{- define "ondemand.collectorPort" -}}
{{- $endpoint := urlParse .Values.telemetry.openTelemetry.endpoint -}}
{{- regexFind ":[0-9]+$" $endpoint.host | trimPrefix ":" | default (get (dict "http" "80" "https" "443") $endpoint.scheme) -}}
{{- end }}

{{/* Refuses a way in that is not encrypted, unless `allowPlainHttp` says so. */}}
{{- define "ondemand.refusePlainHttp" -}}
{{- if not .Values.allowPlainHttp -}}
{{- $internal := get .Values.service.annotations "service.beta.kubernetes.io/azure-load-balancer-internal" -}}
{{- if or (eq .Values.service.type "NodePort") (and (eq .Values.service.type "LoadBalancer") (ne $internal "true")) -}}
{{- fail "service.type: a port of the nodes or a public address, without TLS; annotate a LoadBalancer as internal, use ingress or httpRoute, or set allowPlainHttp: true" -}}
{{- end -}}
{{- if .Values.ingress.enabled -}}
{{- range $host := .Values.ingress.hosts -}}
{{- $wildcard := regexReplaceAll "^[^.]+" $host "*" -}}
{{- $covered := false -}}
{{- range $.Values.ingress.tls -}}
{{- if or (has $host .hosts) (has $wildcard .hosts) -}}{{- $covered = true -}}{{- end -}}
{{- end -}}
{{- if not $covered -}}
{{- fail (printf "ingress.tls: no entry has %s, so keys and rows would come in as plain text; give it a certificate, or set allowPlainHttp: true" $host) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if .Values.httpRoute.enabled -}}
{{- range .Values.httpRoute.parentRefs -}}
{{- if not .sectionName -}}
{{- fail (printf "httpRoute.parentRefs: %s has no sectionName, so the route is for its plain listeners too; name the HTTPS listener, or set allowPlainHttp: true" .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}
