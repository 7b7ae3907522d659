{{/* Names of the cameras, sorted, so that their order doesn't change the broker's pod. */}}
{{- define "seccam.broker.cameras" -}}
{{- $names := list -}}
{{- range .Values.cameras }}{{ $names = append $names .name }}{{ end -}}
{{- sortAlpha $names | join "," -}}
{{- end -}}

{{/* Users of the broker, each with its own password: the keys of permissions() in the library's topology.py. */}}
{{- define "seccam.broker.users" -}}
{{- $users := list "monitor" "security" "notifier" "device" "viewer" "commander" "operator" -}}
{{- range .Values.cameras }}{{ $users = append $users (printf "camera-%s" .name) }}{{ end -}}
{{- sortAlpha $users | toYaml -}}
{{- end -}}

{{/* Users of earlier versions and of former cameras that the Secret still has: the broker disables them. */}}
{{- define "seccam.broker.formerUsers" -}}
{{- $users := include "seccam.broker.users" . | fromYamlArray -}}
{{- $former := list -}}
{{- range $key, $_ := include "seccam.broker.passwords" . | fromYaml -}}
{{- if and (regexMatch "^(camera(-[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?)?|mqtt)$" $key) (not (has $key $users)) -}}{{- $former = append $former $key -}}{{- end -}}
{{- end -}}
{{- toYaml $former -}}
{{- end -}}

{{/* Name of the Secret with a password for each user. */}}
{{- define "seccam.broker.secret" -}}
{{- .Values.broker.auth.existingSecret | default (include "seccam.component.name" (list . "broker")) -}}
{{- end -}}

{{/*
The data of that Secret, as YAML. An upgrade keeps it; missing passwords are generated. Stored for the rest of the rendering, because Nuclio
needs a password in a URL. Empty if `auth.existingSecret` can't be read (helm template).
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
