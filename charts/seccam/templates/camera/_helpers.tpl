{{/* A camera's values, merged over those of `camera`; (list $ $camera). Maps are merged, lists replaced. */}}
{{- define "seccam.camera.values" -}}
{{- mergeOverwrite (deepCopy (index . 0).Values.camera) (index . 1) | toYaml -}}
{{- end -}}

{{/* A camera's settings as environment, with `extraEnv`. */}}
{{- define "seccam.camera.env" -}}
{{- include "seccam.env.with" (list .extraEnv (include "seccam.camera.ownEnv" .)) -}}
{{- end -}}

{{/* The same without `extraEnv`. Settings that the camera doesn't have are left to the service's defaults. */}}
{{- define "seccam.camera.ownEnv" -}}
- {name: SECCAM_CAMERA_NAME, value: {{ .name | quote }}}
{{- if .sourceSecret }}
- name: SECCAM_CAMERA_SOURCE
  valueFrom: {secretKeyRef: {{ merge (deepCopy .sourceSecret) (dict "key" "source") | toJson }}}
{{- else }}
- {name: SECCAM_CAMERA_SOURCE, value: {{ .source | quote }}}
{{- end }}
{{- range $topic := list "view" "security" }}
{{- range $key, $value := index $ $topic }}
- {name: {{ printf "SECCAM_CAMERA_%s_%s" $topic $key | upper }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}
{{- range $key := list "zone" "holidays" "width" "height" "deviceFps" "quality" }}
{{- if hasKey $ $key }}
- {name: {{ printf "SECCAM_CAMERA_%s" ($key | snakecase | upper) }}, value: {{ index $ $key | quote }}}
{{- end }}
{{- end }}
{{- end -}}
