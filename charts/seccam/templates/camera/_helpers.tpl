{{/* What holds for a camera: its own values over those of `camera`; (list $ $camera). Maps are merged, lists replaced. */}}
{{- define "seccam.camera.values" -}}
{{- mergeOverwrite (deepCopy (index . 0).Values.camera) (index . 1) | toYaml -}}
{{- end -}}

{{/* A camera's settings as environment, for a check of them. */}}
{{- define "seccam.camera.env" -}}
{{- include "seccam.env.with" (list .extraEnv (include "seccam.camera.ownEnv" .)) -}}
{{- end -}}

{{/* The same without `extraEnv`; what the camera doesn't say is left to the service. */}}
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
