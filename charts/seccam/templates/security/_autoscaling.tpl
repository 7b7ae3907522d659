{{/* How fast the workers become more and fewer; the argument is hpa's or keda's values. */}}
{{- define "seccam.scaling.behavior" -}}
scaleUp:
  stabilizationWindowSeconds: 0
  selectPolicy: Max
  policies: [{type: Percent, value: 100, periodSeconds: 15}, {type: Pods, value: 4, periodSeconds: 15}]
scaleDown:
  stabilizationWindowSeconds: {{ .scaleDownSeconds }}
  policies: [{type: Pods, value: 1, periodSeconds: 60}]
{{- end -}}

{{/* The Prometheus that a trigger asks; the argument is keda's values. Without `authModes` KEDA makes no use of what it logs in with. */}}
{{- define "seccam.scaling.prometheus" -}}
serverAddress: {{ required "security.keda.prometheus: the address of a Prometheus that scrapes this release, such as http://prometheus-operated.monitoring:9090" .prometheus | quote }}
{{- if and .authModes (ne .authModes "none") }}
authModes: {{ .authModes | quote }}
{{- end }}
{{- end -}}

{{/* What KEDA logs in there with; the argument is keda's values. */}}
{{- define "seccam.scaling.authentication" -}}
{{- with .authenticationRef }}
authenticationRef: {name: {{ . }}}
{{- end }}
{{- end -}}

{{/* The expression of a recording rule in scaling.yaml; (list $ "release:seccam_security_work:workers"). */}}
{{- define "seccam.scaling.query" -}}
{{- $name := index . 1 -}}
{{- range (include "seccam.rules" (list (index . 0) "scaling") | fromYaml).groups -}}
{{- range .rules -}}
{{- if eq .record $name -}}{{ .expr | trim }}{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
