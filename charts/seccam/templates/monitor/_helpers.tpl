{{/* Name of the Secret with the page's users. */}}
{{- define "seccam.login.secret" -}}
{{- .Values.monitor.login.existingSecret | default (include "seccam.component.name" (list . "login")) -}}
{{- end -}}

{{/*
The data of the Secret that the chart creates, as YAML. An upgrade keeps it. Generated values are stored for the rest of the rendering,
because the Deployment's checksum must match the Secret.
*/}}
{{- define "seccam.login.data" -}}
{{- if not (hasKey . "seccamLogin") -}}
{{- $live := (lookup "v1" "Secret" .Release.Namespace (include "seccam.login.secret" .)).data | default dict -}}
{{- $password := get $live "password" | b64dec | default (randAlphaNum 24) -}}
{{- $users := get $live "users" | b64dec -}}
{{- if not (hasPrefix (printf "%s:" .Values.monitor.login.username) $users) -}}
{{- $users = htpasswd .Values.monitor.login.username $password -}}
{{- end -}}
{{- $key := get $live "session-key" | b64dec | default (randAlphaNum 64) -}}
{{- $_ := set . "seccamLogin" (dict "users" $users "password" $password "session-key" $key) -}}
{{- end -}}
{{- toYaml .seccamLogin -}}
{{- end -}}

{{/* Scheme of the page's URL, and name of its port. */}}
{{- define "seccam.monitor.scheme" -}}
{{- empty .Values.monitor.tls.existingSecret | ternary "http" "https" -}}
{{- end -}}

{{/* Host names that the page answers to, comma-separated. */}}
{{- define "seccam.monitor.hosts" -}}
{{- $monitor := .Values.monitor -}}
{{- $service := include "seccam.component.name" (list . "monitor") -}}
{{- $inCluster := list $service (printf "%s.%s" $service .Release.Namespace) (printf "%s.%s.svc" $service .Release.Namespace) (printf "%s.%s.svc.cluster.local" $service .Release.Namespace) -}}
{{- $ingress := $monitor.ingress.enabled | ternary $monitor.ingress.hosts list -}}
{{- $route := $monitor.route.enabled | ternary $monitor.route.hostnames list -}}
{{- concat $monitor.allowedHosts $ingress $route $inCluster | uniq | join "," -}}
{{- end -}}

{{/* The monitor's environment. */}}
{{- define "seccam.monitor.env" -}}
{{- $own := .Values.monitor -}}
{{ include "seccam.env" (list $ "monitor") }}
{{ include "seccam.visit.env" . }}
- {name: SECCAM_MONITOR_HOST, value: 0.0.0.0}
- {name: SECCAM_MONITOR_OPS_HOST, value: 0.0.0.0}
- {name: SECCAM_MONITOR_USERS_FILE, value: /etc/seccam/login/users}
- {name: SECCAM_MONITOR_SESSION_KEY_FILE, value: /etc/seccam/login/session-key}
- {name: SECCAM_MONITOR_SESSION_HOURS, value: {{ $own.login.sessionHours | quote }}}
- {name: SECCAM_MONITOR_ALLOWED_HOSTS, value: {{ include "seccam.monitor.hosts" . | quote }}}
{{- with $own.trustedProxies }}
- {name: SECCAM_MONITOR_TRUSTED_PROXIES, value: {{ join "," . | quote }}}
{{- end }}
{{- if $own.tls.existingSecret }}
- {name: SECCAM_MONITOR_CERTIFICATE_FILE, value: /etc/seccam/page/tls.crt}
- {name: SECCAM_MONITOR_CERTIFICATE_KEY_FILE, value: /etc/seccam/page/tls.key}
{{- else if not $own.trustedProxies }}
# Inside the cluster; templates/checks.yaml refuses a Service that reaches further, unless allowPlainHttp says so.
- {name: SECCAM_MONITOR_ALLOW_PLAIN_HTTP, value: "true"}
{{- end }}
{{- $names := list }}{{ range .Values.cameras }}{{ $names = append $names .name }}{{ end }}
- {name: SECCAM_MONITOR_CAMERAS, value: {{ concat $names .Values.broker.mqtt.cameras | join "," | quote }}}
- {name: SECCAM_MONITOR_WATCHED, value: {{ concat $names $own.watched | uniq | join "," | quote }}}
- {name: SECCAM_MONITOR_AWAY_SECONDS, value: {{ $own.awaySeconds | quote }}}
- {name: SECCAM_MONITOR_MAX_VIEWERS, value: {{ $own.maxViewers | quote }}}
{{- end -}}
