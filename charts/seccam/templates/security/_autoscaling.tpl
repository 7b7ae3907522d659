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

{{/* How KEDA logs in at Prometheus; the argument is keda's values. */}}
{{- define "seccam.scaling.authentication" -}}
{{- with .authenticationRef }}
authenticationRef: {name: {{ . }}}
{{- end }}
{{- end -}}
