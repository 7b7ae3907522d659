{{/* A worker's environment. */}}
{{- define "seccam.security.env" -}}
{{- $own := .Values.security -}}
{{ include "seccam.env" (list $ "security") }}
{{ include "seccam.visit.env" . }}
- {name: SECCAM_SECURITY_OPS_HOST, value: 0.0.0.0}
- name: SECCAM_SECURITY_WORKER
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- {name: SECCAM_SECURITY_DETECTOR, value: {{ $own.detector }}}
{{- with $own.yunetModel }}
- {name: SECCAM_SECURITY_YUNET_MODEL, value: {{ . | quote }}}
{{- end }}
- {name: SECCAM_SECURITY_MIN_SCORE, value: {{ $own.minScore | quote }}}
- {name: SECCAM_SECURITY_FULL_SCAN_INTERVAL_SECONDS, value: {{ $own.fullScan.intervalSeconds | quote }}}
- {name: SECCAM_SECURITY_FULL_SCAN_WIDTH, value: {{ $own.fullScan.width | quote }}}
- {name: SECCAM_SECURITY_COVERED_SECONDS, value: {{ $own.coveredSeconds | quote }}}
- {name: SECCAM_SECURITY_FROZEN_SECONDS, value: {{ $own.frozenSeconds | quote }}}
{{- with $own.slowCameras }}
- {name: SECCAM_SECURITY_SLOW_CAMERAS, value: {{ join "," . | quote }}}
{{- end }}
- {name: SECCAM_SECURITY_SPOOL_FOLDER, value: /var/spool/seccam}
- {name: SECCAM_SECURITY_SNAPSHOT, value: {{ $own.snapshot | quote }}}
- {name: SECCAM_SECURITY_SNAPSHOT_WIDTH, value: {{ $own.snapshotWidth | quote }}}
{{- end -}}
