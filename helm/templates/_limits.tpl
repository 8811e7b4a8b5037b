{{/*
Refuses a functionTimeout that the longest work of one message reaches, because the host then kills the whole worker. The
functions refuse it too, but their pods would only never become ready. The sums are those of the blueprints in functions/;
dict "root" and what ondemand.components says of it.
*/}}
{{- define "ondemand.checkTimeLimits" -}}
{{- $timeout := .root.Values.host.functionTimeoutSeconds -}}
{{- $fixed := get (dict "run-model" 260 "predict" 520 "train" 300) .function -}}
{{- $settings := .values.settings -}}
{{- $longest := addf $fixed (mulf 2 $settings.SEND_TIMEOUT_S) -}}
{{- $parts := list (toString $fixed) -}}
{{- if eq .function "run-model" -}}
{{- range list "LOAD_TIMEOUT_S" "PREDICT_TIMEOUT_S" -}}
{{- $longest = addf $longest (get $settings .) -}}
{{- $parts = append $parts (printf "%s %s" . (include "ondemand.number" (get $settings .))) -}}
{{- end -}}
{{- end -}}
{{- $parts = append $parts (printf "SEND_TIMEOUT_S 2 x %s" (include "ondemand.number" $settings.SEND_TIMEOUT_S)) -}}
{{- if le (float64 $timeout) $longest -}}
{{- fail (printf "host.functionTimeoutSeconds: %d is not above %s s, which one message of %s may take (%s): raise it, or lower these of %s.settings"
  (int $timeout) (include "ondemand.number" $longest) .component (join ", " $parts) .where) -}}
{{- end -}}
{{- end }}
