{{/* Volumes of a component; dict "root" and what ondemand.components says of it. */}}
{{- define "ondemand.volumes" -}}
- name: catalog
  configMap:
    name: {{ include "ondemand.name" (dict "root" .root "component" "catalog") }}
# The host and Python write here and nowhere else.
- name: tmp
  emptyDir:
    sizeLimit: 1Gi
{{ include "ondemand.keysVolume" . }}
{{- if include "ondemand.usesKeyVault" . }}
# start.sh makes variables of these files. Mounting it is also what makes the CSI driver keep the Secret of the host's keys.
- name: keyvault
  csi:
    driver: secrets-store.csi.k8s.io
    readOnly: true
    volumeAttributes:
      secretProviderClass: {{ include "ondemand.keyVaultSecret" . }}
{{- end }}
{{- if include "ondemand.databricksToken" . }}
{{- $missing := "databricks.oidcAudience: the audience of the federation policy, the id of the Databricks account" }}
- name: databricks-token
  projected:
    sources:
      - serviceAccountToken:
          path: token
          audience: {{ required $missing .root.Values.databricks.oidcAudience | quote }}
          expirationSeconds: 3600
{{- end }}
{{- if .queue }}
- name: models
  {{- if .values.modelCache.existingClaim }}
  persistentVolumeClaim:
    claimName: {{ .values.modelCache.existingClaim | quote }}
  {{- else }}
  emptyDir:
    sizeLimit: {{ div (mul (int64 .values.settings.MODEL_DISK_BYTES) 5) 4 | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{/*
Keys of the Functions host: a Secret for predict. The other functions have no clients: start.sh makes the one key that drains
their host, in each pod another. The host makes a key for a function that has none as soon as somebody sends a wrong one,
cannot write it here, and answers 500: so each HTTP function of predict has the default key.
*/}}
{{- define "ondemand.keysVolume" -}}
- name: functions-keys
{{- if ne .function "predict" }}
  emptyDir:
    medium: Memory
    sizeLimit: 1Mi
{{- else }}
{{- $keys := .root.Values.functionKeys -}}
{{- $fromVault := and (hasKey $keys.keyVaultObjects "host.master") (hasKey $keys.keyVaultObjects "host.function.default") -}}
{{- if not (or $keys.secret $fromVault) -}}
{{- fail "functionKeys.secret: a Secret with host.master and host.function.default, see docs/kubernetes.md; or both in functionKeys.keyVaultObjects" -}}
{{- end -}}
{{- $secret := $keys.secret | default (include "ondemand.keyVaultSecret" .) }}
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ $secret | quote }}
          {{- if not $keys.secret }}
          items:
            {{- range $key, $_ := include "ondemand.keyVaultKeys" . | fromJson }}
            - {key: {{ $key }}, path: {{ $key }}}
            {{- end }}
          {{- end }}
      - secret:
          name: {{ $secret | quote }}
          items:
            {{- range list "predict" "operation" "models" "model" "openapi" "live" "ready" }}
            - {key: host.function.default, path: functions.{{ . }}.default}
            {{- end }}
{{- end }}
{{- end }}

{{/* Whether a component has a token of its service account for Databricks, as "true" or empty. */}}
{{- define "ondemand.databricksToken" -}}
{{- if and (ne .function "predict") (eq .root.Values.databricks.auth "oidc") (or (eq .function "train") (include "ondemand.onDatabricks" .root)) -}}
true
{{- end -}}
{{- end }}

{{- define "ondemand.volumeMounts" -}}
- name: catalog
  mountPath: /etc/mlflow-ondemand
  readOnly: true
- name: tmp
  mountPath: /tmp
- name: functions-keys
  mountPath: /run/secrets/functions-keys
  readOnly: {{ eq .function "predict" }}
{{- if include "ondemand.usesKeyVault" . }}
- name: keyvault
  mountPath: /run/secrets/keyvault
  readOnly: true
{{- end }}
{{- if include "ondemand.databricksToken" . }}
- name: databricks-token
  mountPath: /var/run/secrets/databricks
  readOnly: true
{{- end }}
{{- if .queue }}
- name: models
  mountPath: /var/cache/mlflow-ondemand
  {{- if .values.modelCache.existingClaim }}
  # What one pool has downloaded, no other can change.
  subPath: {{ .component }}
  {{- end }}
{{- end }}
{{- end }}
