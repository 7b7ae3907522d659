{{/* Users of the broker, each with a password of its own: the keys of `seccam.topology`'s PERMISSIONS. */}}
{{- define "seccam.broker.users" -}}
[camera, monitor, security, notifier, mqtt, operator]
{{- end -}}

{{/* Secret with a password for each broker user. */}}
{{- define "seccam.broker.secret" -}}
{{- .Values.broker.auth.existingSecret | default (include "seccam.component.name" (list . "broker")) -}}
{{- end -}}

{{/*
The data of that Secret, as YAML: kept over upgrades, and generated where there is none. It is remembered for the rest of the
rendering, since Nuclio needs a password in a URL. Nothing, where `auth.existingSecret` can't be read (helm template).
*/}}
{{- define "seccam.broker.passwords" -}}
{{- if not (hasKey . "seccamPasswords") -}}
{{- $data := deepCopy ((lookup "v1" "Secret" .Release.Namespace (include "seccam.broker.secret" .)).data | default dict) -}}
{{- if not .Values.broker.auth.existingSecret -}}
{{- range append (include "seccam.broker.users" . | fromYamlArray) "erlang-cookie" -}}
{{- $_ := set $data . (get $data . | default (randAlphaNum 32 | b64enc)) -}}
{{- end -}}
{{- end -}}
{{- $_ := set . "seccamPasswords" $data -}}
{{- end -}}
{{- toYaml .seccamPasswords -}}
{{- end -}}
