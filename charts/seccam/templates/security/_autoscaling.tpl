{{/* How fast the workers scale up and down; the argument is the values of hpa or keda. */}}
{{- define "seccam.scaling.behavior" -}}
scaleUp:
  stabilizationWindowSeconds: 0
  selectPolicy: Max
  policies: [{type: Percent, value: 100, periodSeconds: 15}, {type: Pods, value: 4, periodSeconds: 15}]
scaleDown:
  stabilizationWindowSeconds: {{ .scaleDownSeconds }}
  policies: [{type: Pods, value: 1, periodSeconds: 60}]
{{- end -}}

{{/* The Prometheus that a trigger queries; the argument is keda's values. Without `authModes` KEDA ignores the credentials. */}}
{{- define "seccam.scaling.prometheus" -}}
serverAddress: {{ required "security.keda.prometheus: set the URL of a Prometheus that scrapes this release, such as http://prometheus-operated.monitoring:9090" .prometheus | quote }}
{{- if and .authModes (ne .authModes "none") }}
authModes: {{ .authModes | quote }}
{{- end }}
{{- end -}}

{{/* KEDA's credentials for that Prometheus; the argument is keda's values. */}}
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
