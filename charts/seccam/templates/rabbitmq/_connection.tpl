{{/* The broker's AMQP port. */}}
{{- define "seccam.broker.port" -}}
{{- $external := .Values.broker.external -}}
{{- $tls := $external.enabled | ternary $external.tls .Values.broker.tls.enabled -}}
{{- $external.enabled | ternary $external.port 0 | default (ternary 5671 5672 $tls) | int -}}
{{- end -}}

{{/* The broker's URL for the services, without user and password. */}}
{{- define "seccam.broker.url" -}}
{{- $external := .Values.broker.external -}}
{{- $tls := $external.enabled | ternary $external.tls .Values.broker.tls.enabled -}}
{{- $host := $external.enabled | ternary $external.host (include "seccam.component.name" (list . "rabbitmq")) -}}
{{- $vhost := $external.enabled | ternary $external.vhost "/" -}}
{{- printf "%s://%s:%s/%s" (ternary "amqps" "amqp" $tls) $host (include "seccam.broker.port" .) (eq $vhost "/" | ternary "" (urlquery $vhost | replace "+" "%20")) -}}
{{- end -}}

{{/* Name of the Secret with the `ca.crt` that the services verify the broker with; empty: no TLS, or public authorities. */}}
{{- define "seccam.broker.caSecret" -}}
{{- if .Values.broker.external.enabled -}}
{{- if .Values.broker.external.tls -}}{{ .Values.broker.external.caSecret }}{{- end -}}
{{- else if .Values.broker.tls.enabled -}}
{{- include "seccam.broker.tlsSecret" . -}}
{{- end -}}
{{- end -}}

{{/* Mount and volume of that Secret. */}}
{{- define "seccam.brokerCa.mount" -}}
{{- if include "seccam.broker.caSecret" . }}
- {name: broker-ca, mountPath: /etc/seccam/broker-ca, readOnly: true}
{{- end }}
{{- end -}}
{{- define "seccam.brokerCa.volume" -}}
{{- with include "seccam.broker.caSecret" . }}
- name: broker-ca
  secret: {secretName: {{ . | quote }}, items: [{key: ca.crt, path: ca.crt}]}
{{- end }}
{{- end -}}
