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
- {name: IFTTT_EVENT, value: {{ $own.ifttt.event | quote }}}
{{- with $own.ifttt.url }}
- {name: IFTTT_URL, value: {{ . | quote }}}
{{- end }}
{{- with $own.ifttt.existingSecret }}
- name: IFTTT_KEY
  valueFrom: {secretKeyRef: {name: {{ . | quote }}, key: {{ $own.ifttt.existingSecretKey | quote }}}}
{{- end }}
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
