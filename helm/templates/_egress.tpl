{{/* Where a component may go, as JSON: [{"destination", "ports"}]; dict "root" and what ondemand.components says of it. */}}
{{- define "ondemand.destinations" -}}
{{- $https := list 443 -}}
{{- $destinations := list (dict "destination" "serviceBus" "ports" (list 443 5671)) (dict "destination" "storage" "ports" $https) -}}
{{- $models := ternary "databricks" "mlflow" (or (eq .function "train") (eq (include "ondemand.onDatabricks" .root) "true")) -}}
{{- $destinations = append $destinations (dict "destination" $models "ports" $https) -}}
{{- if .values.identity.clientId -}}
{{- $destinations = append $destinations (dict "destination" "entra" "ports" $https) -}}
{{- end -}}
{{- if hasKey (include "ondemand.secretsOf" . | fromJson) "APPLICATIONINSIGHTS_CONNECTION_STRING" -}}
{{- $destinations = append $destinations (dict "destination" "telemetry" "ports" $https) -}}
{{- end -}}
{{- if and .root.Values.telemetry.openTelemetry.enabled (not (include "ondemand.collectorNamespace" .root)) -}}
{{- $destinations = append $destinations (dict "destination" "telemetry" "ports" (list (include "ondemand.collectorPort" .root | int))) -}}
{{- end -}}
{{- $destinations | toJson -}}
{{- end }}

{{/* Port of the MLflow server where no rule of the NetworkPolicies lets anything through to it, else empty. */}}
{{- define "ondemand.blockedMlflowPort" -}}
{{- $address := urlParse .Values.mlflow.trackingUri -}}
{{- $port := regexFind ":[0-9]+$" $address.host | trimPrefix ":" | default (get (dict "http" "80" "https" "443") $address.scheme) -}}
{{- $open := list "" "443" -}}
{{- range .Values.networkPolicy.extraEgress -}}
{{- range .ports | default (list (dict "port" $port)) -}}{{- $open = append $open (toString .port) -}}{{- end -}}
{{- end -}}
{{- if and .Values.networkPolicy.enabled (not (has $port $open)) -}}{{- $port -}}{{- end -}}
{{- end }}

{{/* Namespace of an OpenTelemetry collector in the cluster, else empty: <service>, <service>.<namespace> or <service>.<namespace>.svc…. */}}
{{- define "ondemand.collectorNamespace" -}}
{{- $endpoint := urlParse .Values.telemetry.openTelemetry.endpoint -}}
{{- $labels := splitList "." (regexReplaceAll ":[0-9]+$" $endpoint.host "") -}}
{{- if hasPrefix "[" $endpoint.host -}}{{- /* an address */ -}}
{{- else if eq (len $labels) 1 -}}{{- .Release.Namespace -}}
{{- else if or (eq (len $labels) 2) (eq (index $labels 2) "svc") -}}{{- index $labels 1 -}}
{{- end -}}
{{- end }}

{{/* The egress rules of a component; dict "root" and what ondemand.components says of it. */}}
{{- define "ondemand.egress" -}}
{{- $policy := .root.Values.networkPolicy -}}
{{- range include "ondemand.destinations" . | fromJsonArray }}
# {{ .destination }}
- to:
    {{- range get $policy.egress .destination | default $policy.egressCidrs }}
    - ipBlock:
        cidr: {{ . | quote }}
        {{- $except := list }}
        {{- $kind := get (dict "0.0.0.0/0" "." "::/0" ":") . }}
        {{- range $policy.egressExcept }}
        {{- if and $kind (contains $kind .) }}{{- $except = append $except . }}{{- end }}
        {{- end }}
        {{- with $except }}
        except:
          {{- toYaml . | nindent 10 }}
        {{- end }}
    {{- end }}
  ports:
    {{- range .ports }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
{{- end }}
{{- if and .root.Values.telemetry.openTelemetry.enabled (include "ondemand.collectorNamespace" .root) }}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ include "ondemand.collectorNamespace" .root | quote }}
  ports:
    - {port: {{ include "ondemand.collectorPort" .root }}, protocol: TCP}
{{- end }}
{{- with $policy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end }}
