{{/* The notifier's environment, in either mode. */}}
{{- define "seccam.notifier.env" -}}
{{- include "seccam.env.with" (list .Values.notifier.extraEnv (include "seccam.notifier.ownEnv" .)) -}}
{{- end -}}

{{- define "seccam.notifier.ownEnv" -}}
{{- $own := .Values.notifier -}}
{{ include "seccam.env" (list . "notifier") }}
{{ include "seccam.visit.env" . }}
- {name: SECCAM_NOTIFIER_OPS_HOST, value: 0.0.0.0}
- {name: SECCAM_NOTIFIER_OPS_PORT, value: "9090"}
- {name: SECCAM_NOTIFIER_MAX_PER_MINUTE, value: {{ $own.maxPerMinute | quote }}}
- {name: SECCAM_NOTIFIER_TIMEOUT_SECONDS, value: {{ $own.timeoutSeconds | quote }}}
{{- with $own.armedHours }}
- {name: SECCAM_NOTIFIER_ARMED_HOURS, value: {{ . | quote }}}
{{- end }}
{{- with $own.holidays }}
- {name: SECCAM_NOTIFIER_HOLIDAYS, value: {{ . | quote }}}
{{- end }}
{{- with $own.silentAtHome }}
- {name: SECCAM_NOTIFIER_SILENT_AT_HOME, value: {{ join "," . | quote }}}
{{- end }}
{{- with $own.zone }}
- {name: SECCAM_NOTIFIER_ZONE, value: {{ . | quote }}}
{{- end }}
{{- with $own.channels }}
- {name: SECCAM_NOTIFIER_CHANNELS, value: {{ join "," . | quote }}}
{{- end }}
{{- with $own.text }}
- {name: SECCAM_NOTIFIER_TEXT, value: {{ . | quote }}}
{{- end }}
{{- with .Values.monitor.publicUrl }}
- {name: SECCAM_PUBLIC_URL, value: {{ . | quote }}}
{{- end }}
{{- with $own.telegram.url }}
- {name: SECCAM_TELEGRAM_URL, value: {{ . | quote }}}
{{- end }}
{{- with $own.telegram.quietHours }}
- {name: SECCAM_TELEGRAM_QUIET_HOURS, value: {{ . | quote }}}
{{- end }}
{{- if $own.telegram.existingSecret }}
{{- $chats := list }}
{{- range $own.telegram.chats }}
{{- $chats = append $chats (kindIs "string" . | ternary . (int64 . | toString)) }}
{{- end }}
- {name: SECCAM_TELEGRAM_CHATS, value: {{ join "," $chats | quote }}}
{{- include "seccam.notifier.secret" (list "SECCAM_TELEGRAM_TOKEN" $own.telegram $own.telegram.existingSecretKey false) }}
{{- end }}
{{- with $own.ntfy.url }}
- {name: SECCAM_NTFY_URL, value: {{ . | quote }}}
{{- end }}
{{- with $own.ntfy.quietHours }}
- {name: SECCAM_NTFY_QUIET_HOURS, value: {{ . | quote }}}
{{- end }}
{{- include "seccam.notifier.secret" (list "SECCAM_NTFY_TOPIC" $own.ntfy $own.ntfy.existingSecretKeys.topic false) }}
{{- include "seccam.notifier.secret" (list "SECCAM_NTFY_TOKEN" $own.ntfy $own.ntfy.existingSecretKeys.token true) }}
{{- include "seccam.notifier.secret" (list "SECCAM_WEBHOOK_URL" $own.webhook $own.webhook.existingSecretKeys.url false) }}
{{- include "seccam.notifier.secret" (list "SECCAM_WEBHOOK_SECRET" $own.webhook $own.webhook.existingSecretKeys.secret true) }}
{{- include "seccam.notifier.secret" (list "SECCAM_APPRISE_URLS" $own.apprise $own.apprise.existingSecretKey false) }}
- {name: IFTTT_EVENT, value: {{ $own.ifttt.event | quote }}}
{{- with $own.ifttt.url }}
- {name: IFTTT_URL, value: {{ . | quote }}}
{{- end }}
{{- include "seccam.notifier.secret" (list "IFTTT_KEY" $own.ifttt $own.ifttt.existingSecretKey false) }}
{{- end -}}

{{/* A channel's variable from its Secret, if it has one: list of name, the channel's values, key, and whether the key may be missing. */}}
{{- define "seccam.notifier.secret" -}}
{{- $channel := index . 1 -}}
{{- if $channel.existingSecret }}
- name: {{ index . 0 }}
  valueFrom: {secretKeyRef: {name: {{ $channel.existingSecret | quote }}, key: {{ index . 2 | quote }}{{ if index . 3 }}, optional: true{{ end }}}}
{{- end }}
{{- end -}}

{{/* The channels that have a Secret, as a JSON list. */}}
{{- define "seccam.notifier.channels" -}}
{{- $configured := list -}}
{{- range $name := list "telegram" "ntfy" "webhook" "apprise" "ifttt" -}}
{{- if (index $.Values.notifier $name).existingSecret -}}
{{- $configured = append $configured $name -}}
{{- end -}}
{{- end -}}
{{- $configured | toJson -}}
{{- end -}}

{{/* The TCP ports of the notifier's calls, as a JSON list. */}}
{{- define "seccam.notifier.ports" -}}
{{- $ports := list -}}
{{- range .Values.networkPolicy.notifierPorts -}}
{{- $ports = append $ports (int .) -}}
{{- end -}}
{{- range $url := compact (list .Values.notifier.ifttt.url .Values.notifier.telegram.url .Values.notifier.ntfy.url) -}}
{{- $port := regexFind ":[0-9]+" (index (splitList "/" $url) 2) | trimPrefix ":" | default (hasPrefix "https:" $url | ternary "443" "80") -}}
{{- $ports = append $ports (int $port) -}}
{{- end -}}
{{- $ports | uniq | toJson -}}
{{- end -}}

{{/* Placeholder for the broker's URL in the function's resource. */}}
{{- define "seccam.function.reference" -}}
$ref:/spec/triggers/events/url
{{- end -}}

{{/* The NuclioProject of the function. */}}
{{- define "seccam.function.project" -}}
{{- .Values.notifier.nuclio.project | default (include "seccam.fullname" .) -}}
{{- end -}}

{{/*
The Pod Security level that the namespace enforces; empty if it enforces none, or if it isn't looked up, as `helm template` reads no cluster.
The lookup fails if Helm isn't allowed to read the namespace; `nuclio.checkPodSecurity: false` skips it.
*/}}
{{- define "seccam.function.podSecurity" -}}
{{- if .Values.notifier.nuclio.checkPodSecurity -}}
{{- dig "metadata" "labels" "pod-security.kubernetes.io/enforce" "" (lookup "v1" "Namespace" "" .Release.Namespace) -}}
{{- end -}}
{{- end -}}

{{/* The function's volumes in Nuclio's format: each mount with its volume. templates/checks.yaml ensures that they match. */}}
{{- define "seccam.function.volumes" -}}
{{- $volumes := dict -}}
{{- range concat (include "seccam.brokerCa.volume" . | fromYamlArray) (.Values.notifier.extraVolumes | default list) -}}
{{- $_ := set $volumes .name . -}}
{{- end -}}
{{- $pairs := list -}}
{{- range concat (include "seccam.brokerCa.mount" . | fromYamlArray) (.Values.notifier.extraVolumeMounts | default list) -}}
{{- $pairs = append $pairs (dict "volume" (get $volumes .name) "volumeMount" .) -}}
{{- end -}}
{{- toYaml $pairs -}}
{{- end -}}

{{/* The broker's URL with user and password, for Nuclio's trigger. */}}
{{- define "seccam.function.url" -}}
{{- $password := get (include "seccam.broker.passwords" . | fromYaml) "notifier" | b64dec | trim -}}
{{- if not $password -}}
{{- fail (printf "notifier.mode nuclio: Nuclio needs the notifier's password in the broker's URL, but the key notifier of Secret %s in namespace %s could not be read (helm template reads no Secrets)" (include "seccam.broker.secret" .) .Release.Namespace) -}}
{{- end -}}
{{- $scheme := splitn "://" 2 (include "seccam.broker.url" .) -}}
{{- $ca := include "seccam.broker.caSecret" . | empty | ternary "" "?cacertfile=/etc/seccam/broker-ca/ca.crt" -}}
{{- printf "%s://notifier:%s@%s%s" $scheme._0 (urlquery $password | replace "+" "%20") $scheme._1 $ca -}}
{{- end -}}
