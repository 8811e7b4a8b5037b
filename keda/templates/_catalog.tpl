{{/* The catalog's text: the value, or models.yaml of this chart, also when the chart that depends on it asks. */}}
{{- define "ondemand.catalog" -}}
{{- $chart := get (.Subcharts | default dict) "keda" | default . -}}
{{- .Values.global.catalog | default ($chart.Files.Get "files/models.yaml") -}}
{{- end }}

{{/* The runner pools of the catalog, as JSON: [{"pool", "component", "queue"}]; the default one has no pool name. */}}
{{- define "ondemand.pools" -}}
{{- $catalog := include "ondemand.catalog" . | fromYaml -}}
{{- if not (kindIs "map" (get $catalog "models")) -}}
{{- fail (printf "global.catalog is no models.yaml: it has no mapping \"models\". %s" (get $catalog "Error" | default "")) -}}
{{- end -}}
{{- $names := list -}}
{{- range $type, $model := $catalog.models -}}
{{- if not (kindIs "map" $model) -}}
{{- fail (printf "global.catalog: models.%s is no mapping" $type) -}}
{{- end -}}
{{- with $model.pool -}}
{{- if not (regexMatch "^[a-z]([a-z0-9_-]*[a-z0-9])?$" (toString .)) -}}
{{- fail (printf "global.catalog: models.%s.pool: %v is no name of lower-case letters, digits, _ and -" $type .) -}}
{{- end -}}
{{- $names = append $names . -}}
{{- end -}}
{{- end -}}
{{- $pools := list (dict "pool" "" "component" "run-model" "queue" "run-model") -}}
{{- range $names | uniq | sortAlpha -}}
{{- $component := printf "run-model-%s" (. | replace "_" "-") -}}
{{- $pools = append $pools (dict "pool" . "component" $component "queue" (printf "run-model-%s" .)) -}}
{{- end -}}
{{- $pools | toJson -}}
{{- end }}

{{/* Refuses values for pools that the catalog does not name; dict "root" "pools" "where". */}}
{{- define "ondemand.knownPools" -}}
{{- $known := list -}}
{{- range include "ondemand.pools" .root | fromJsonArray -}}{{- $known = append $known .pool -}}{{- end -}}
{{- range $name, $_ := .pools -}}
{{- if not (has $name $known) -}}
{{- fail (printf "%s.%s: the catalog has no model type with pool: %s" $.where $name $name) -}}
{{- end -}}
{{- end -}}
{{- end }}
