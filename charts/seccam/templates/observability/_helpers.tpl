{{/* Metadata of an object for Prometheus or Grafana; (list $ "name" .Values.observability.serviceMonitor). */}}
{{- define "seccam.observability.metadata" -}}
{{- $root := index . 0 -}}{{- $own := index . 2 -}}
{{- $namespace := $own.namespace | default $root.Release.Namespace -}}
{{- /* A shared namespace may contain objects of two releases with the same name. */ -}}
{{- $suffix := eq $namespace $root.Release.Namespace | ternary "" (printf "-%s" $root.Release.Namespace) }}
name: {{ include "seccam.component.name" (list $root (index . 1)) }}{{ $suffix }}
namespace: {{ $namespace | quote }}
labels:
  {{- include "seccam.labels" (list $root "observability") | nindent 2 }}
  {{- with $own.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $own.annotations }}
annotations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Namespace and labels of a monitor's targets; (list $ (list "monitor" "notifier")). */}}
{{- define "seccam.observability.targets" -}}
{{- $root := index . 0 -}}
namespaceSelector: {matchNames: [{{ $root.Release.Namespace | quote }}]}
selector:
  matchLabels:
    app.kubernetes.io/name: {{ include "seccam.name" $root | quote }}
    app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
  matchExpressions: [{key: app.kubernetes.io/component, operator: In, values: {{ index . 1 | toJson }}}]
{{- end -}}

{{/* The labels `release` and `component`, which rules and dashboards select by; the argument is their origin, "pod" or "service". */}}
{{- define "seccam.observability.relabelings" -}}
- {sourceLabels: [__meta_kubernetes_{{ . }}_label_app_kubernetes_io_instance], targetLabel: release}
- {sourceLabels: [__meta_kubernetes_{{ . }}_label_app_kubernetes_io_component], targetLabel: component}
{{- end -}}

{{/* A file of rules, filled in for this release. Not with tpl: the braces in it are Prometheus' own. */}}
{{- define "seccam.rules" -}}
{{- $root := index . 0 -}}
{{- $root.Files.Get (printf "files/rules/%s.yaml" (index . 1)) | required (index . 1) | replace "NAMESPACE" $root.Release.Namespace | replace "RELEASE" $root.Release.Name | replace "docs/howto/alerts.md" $root.Values.observability.prometheusRule.runbookUrl -}}
{{- end -}}
