{{/* A ScaledObject; dict "root" "component" "scaling" (values of the component) "triggers" (list). */}}
{{- define "keda.scaledObject" -}}
{{- if gt (int .scaling.minReplicas) (int .scaling.maxReplicas) -}}
{{- fail (printf "%s: minReplicas %d is above maxReplicas %d" .component (int .scaling.minReplicas) (int .scaling.maxReplicas)) -}}
{{- end -}}
{{- if gt (len (include "ondemand.name" .)) 54 -}}
{{- fail (printf "the name %q has more than 54 characters, and KEDA puts keda-hpa- before it: shorten global.fullname, the release or the pool" (include "ondemand.name" .)) -}}
{{- end -}}
{{- $fromZero := eq (int .scaling.minReplicas) 0 -}}
{{- $cached := false -}}
{{- range .triggers -}}
{{- if .useCachedMetrics -}}{{- $cached = true -}}{{- end -}}
{{- end -}}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ include "ondemand.name" . }}
  labels:
    {{- include "ondemand.labels" . | nindent 4 }}
  {{- with .scaling.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "ondemand.name" . }}
  minReplicaCount: {{ .scaling.minReplicas }}
  maxReplicaCount: {{ .scaling.maxReplicas }}
  {{- if or $fromZero $cached }}
  pollingInterval: {{ .scaling.pollingInterval }}
  {{- end }}
  {{- if $fromZero }}
  cooldownPeriod: {{ .scaling.cooldownPeriod }}
  # As long for what runs already when KEDA comes to it, and never had a message.
  initialCooldownPeriod: {{ .scaling.cooldownPeriod }}
  {{- end }}
  {{- with .scaling.fallback }}
  fallback:
    failureThreshold: {{ .failureThreshold }}
    replicas: {{ .replicas }}
    behavior: {{ .behavior }}
  {{- end }}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        {{- toYaml .scaling.behavior | nindent 8 }}
  triggers:
    {{- toYaml .triggers | nindent 4 }}
{{- end }}

{{/* The azure-servicebus trigger of a queue, as JSON; dict "root" "queue" "scaling". */}}
{{- define "keda.queueTrigger" -}}
{{- $bus := .root.Values.global.servicebus -}}
{{- $metadata := dict
  "queueName" .queue
  "messageCount" (toString .scaling.messageCount)
  "activationMessageCount" (toString .scaling.activationMessageCount) -}}
{{- if not $bus.connectionSecret.name -}}
{{- if not $bus.namespace -}}
{{- fail "set global.servicebus.namespace (workload identity), or global.servicebus.connectionSecret.name (connection string)" -}}
{{- end -}}
{{- $_ := set $metadata "namespace" $bus.namespace -}}
{{- $_ := set $metadata "cloud" $bus.cloud -}}
{{- end -}}
{{- $authentication := include "ondemand.name" (dict "root" .root "component" "servicebus") -}}
{{- dict
  "type" "azure-servicebus"
  "name" (printf "queue-%s" .queue)
  "useCachedMetrics" .scaling.useCachedMetrics
  "metadata" $metadata
  "authenticationRef" (dict "name" $authentication)
  | toJson -}}
{{- end }}
