{{/* What Pod Security "restricted" asks of a pod, with the user of the images. */}}
{{- define "ondemand.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* And of a container. */}}
{{- define "ondemand.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* The Deployment of a component; dict "root" and what ondemand.components says of it. */}}
{{- define "ondemand.deployment" -}}
{{- include "ondemand.checkTimeLimits" . -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "ondemand.name" . }}
  labels:
    {{- include "ondemand.labels" . | nindent 4 }}
spec:
  {{- if not (or .scaled .values.autoscaling.enabled) }}
  replicas: {{ .values.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  selector:
    matchLabels:
      {{- include "ondemand.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "ondemand.selector" . | nindent 8 }}
        {{- if .values.identity.clientId }}
        azure.workload.identity/use: "true"
        {{- end }}
        {{- with .values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        # The functions read the catalog at their start: a changed one starts them anew.
        checksum/catalog: {{ include "ondemand.catalog" .root | sha256sum }}
        {{- with .values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- include "ondemand.podSpec" . | nindent 6 }}
{{- end }}

{{- define "ondemand.podSpec" -}}
serviceAccountName: {{ include "ondemand.name" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
securityContext:
  {{- include "ondemand.podSecurity" . | nindent 2 }}
terminationGracePeriodSeconds: {{ add .root.Values.host.functionTimeoutSeconds .root.Values.host.drainSeconds }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .values.topologySpread.enabled }}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: {{ $.values.topologySpread.whenUnsatisfiable }}
    labelSelector:
      matchLabels:
        {{- include "ondemand.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}
containers:
  - name: {{ .function }}
    {{- include "ondemand.container" . | nindent 4 }}
volumes:
  {{- include "ondemand.volumes" . | nindent 2 }}
{{- end }}

{{- define "ondemand.container" -}}
{{- $environment := include "ondemand.environment" . -}}
{{- $kept := include "ondemand.keyVaultSecret" (dict "root" .root "component" "predict") -}}
{{- $names := keys (include "ondemand.keyVaultVariables" . | fromJson) -}}
{{- range $environment | fromYamlArray -}}
{{- if has .name $names -}}
{{- fail (printf "%s: extraEnv has %s, which is set already" $.component .name) -}}
{{- end -}}
{{- $names = append $names .name -}}
{{- $from := .valueFrom | default dict -}}
{{- if eq (get ($from.secretKeyRef | default dict) "name" | default "") $kept -}}
{{- fail (printf "%s: %s is from a Secret that is there only while a pod of predict runs, and KEDA reads it with none" $.component .name) -}}
{{- end -}}
{{- end -}}
image: {{ include "ondemand.image" (dict "root" .root "image" .values.image) | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  {{- include "ondemand.containerSecurity" . | nindent 2 }}
ports:
  - {name: http, containerPort: 8080, protocol: TCP}
env:
  {{- $environment | nindent 2 }}
resources:
  {{- toYaml .values.resources | nindent 2 }}
# The host, its Python worker and the first look at all functions take a while.
startupProbe:
  httpGet: {path: /health/live, port: http}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 60
# Ready opens what the function needs, which may take 20 s; see functions/health.py.
readinessProbe:
  httpGet: {path: /health/ready, port: http}
  periodSeconds: 10
  timeoutSeconds: 25
  failureThreshold: 2
livenessProbe:
  httpGet: {path: /health/live, port: http}
  periodSeconds: 20
  timeoutSeconds: 10
  failureThreshold: 3
lifecycle:
  preStop:
    exec:
      {{- if eq .function "predict" }}
      # Until no load balancer sends requests here any more.
      command: [sh, -c, "sleep 10; exec /opt/mlflow-ondemand/drain.py"]
      {{- else }}
      command: [/opt/mlflow-ondemand/drain.py]
      {{- end }}
volumeMounts:
  {{- include "ondemand.volumeMounts" . | nindent 2 }}
{{- end }}
