{{/* A worker's environment. */}}
{{- define "seccam.security.env" -}}
{{- $own := .Values.security -}}
{{ include "seccam.env" (list $ "security") }}
- {name: SECCAM_SECURITY_OPS_HOST, value: 0.0.0.0}
- name: SECCAM_SECURITY_WORKER
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- {name: SECCAM_SECURITY_DETECTOR, value: {{ $own.detector }}}
{{- with $own.yunetModel }}
- {name: SECCAM_SECURITY_YUNET_MODEL, value: {{ . | quote }}}
{{- end }}
- {name: SECCAM_SECURITY_MIN_SCORE, value: {{ $own.minScore | quote }}}
- {name: SECCAM_SECURITY_COOLDOWN_SECONDS, value: {{ $own.cooldownSeconds | quote }}}
- {name: SECCAM_SECURITY_WHOLE_SECONDS, value: {{ $own.wholeSeconds | quote }}}
- {name: SECCAM_SECURITY_WHOLE_WIDTH, value: {{ $own.wholeWidth | quote }}}
- {name: SECCAM_SECURITY_SNAPSHOT, value: {{ $own.snapshot | quote }}}
{{- end -}}
