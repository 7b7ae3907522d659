{{/* Names. */}}
{{- define "seccam.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* 24 characters at most, so that a camera's pod name still fits: -camera- and 31 more; a Service's has no dot. */}}
{{- define "seccam.fullname" -}}
{{- $name := include "seccam.name" . -}}
{{- $full := .Values.fullnameOverride | default (contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name)) -}}
{{- $full | replace "." "-" | trunc 24 | trimSuffix "-" -}}
{{- end -}}

{{/* What a component is called; (list $ "monitor"). */}}
{{- define "seccam.component.name" -}}
{{- printf "%s-%s" (include "seccam.fullname" (index . 0)) (index . 1) -}}
{{- end -}}

{{/* Labels that select a component's pods; (list $ "monitor"). */}}
{{- define "seccam.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "seccam.name" $root | quote }}
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Labels of a component's objects; (list $ "monitor"). */}}
{{- define "seccam.labels" -}}
{{- $root := index . 0 -}}
{{ include "seccam.selectorLabels" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: seccam
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels of a component's pods; (list $ "monitor" .Values.monitor). The chart's version is none of them: it would restart all. */}}
{{- define "seccam.podLabels" -}}
{{- $root := index . 0 -}}
{{ include "seccam.selectorLabels" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: seccam
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- with (index . 2).podLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* An image; (list $ .Values.monitor.image "monitor"). */}}
{{- define "seccam.image" -}}
{{- $root := index . 0 -}}{{- $own := index . 1 -}}
{{- $repository := $own.repository | default (printf "%s/%s" $root.Values.image.registry (index . 2)) -}}
{{- if $own.digest -}}
{{ $repository }}@{{ $own.digest }}
{{- else -}}
{{ $repository }}:{{ $own.tag | default $root.Values.image.tag | default $root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/*
A pod's fields that all our pods share; (list $ $component $componentValues). The broker's user differs. A hook's pod has no
component: it comes before the ServiceAccounts.
*/}}
{{- define "seccam.pod" -}}
{{- $root := index . 0 -}}{{- $component := index . 1 -}}{{- $own := index . 2 -}}
{{- with $component -}}
serviceAccountName: {{ include "seccam.component.name" (list $root .) }}
{{ end -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $own.priorityClassName | default $root.Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with $own.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $own.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $own.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Spread over nodes, where that is possible; (list $ $component $componentValues). */}}
{{- define "seccam.spread" -}}
{{- $own := index . 2 -}}
topologySpreadConstraints:
{{- if $own.topologySpreadConstraints }}
{{ toYaml $own.topologySpreadConstraints | indent 2 }}
{{- else }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{ include "seccam.selectorLabels" (list (index . 0) (index . 1)) | nindent 8 }}
{{- end }}
{{- end -}}

{{/* The user that our images run as, and all that "restricted" asks of a pod. */}}
{{- define "seccam.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "seccam.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/*
A container's fields that all our services share; (list $ "monitor" .Values.monitor). Its mounts come last: a service with
more of them goes on with its own.
*/}}
{{- define "seccam.container" -}}
{{- $root := index . 0 -}}{{- $component := index . 1 -}}{{- $own := index . 2 -}}
name: {{ $component }}
image: {{ include "seccam.image" (list $root $own.image $component) | quote }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
resources: {{ toYaml $own.resources | nindent 2 }}
{{- with $own.extraEnvFrom }}
envFrom: {{ toYaml . | nindent 2 }}
{{- end }}
{{ include "seccam.probes" $root }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  {{- with include "seccam.brokerCa.mount" $root }}
  {{- . | trim | nindent 2 }}
  {{- end }}
  {{- with $own.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* The volumes that go with it; (list $ .Values.monitor). */}}
{{- define "seccam.volumes" -}}
- {name: tmp, emptyDir: {sizeLimit: 64Mi}}
{{- include "seccam.brokerCa.volume" (index . 0) }}
{{- with (index . 1).extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Probes of a service of ours, on its port `ops`. */}}
{{- define "seccam.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: ops}
  periodSeconds: 2
  failureThreshold: 30
livenessProbe:
  httpGet: {path: /healthz, port: ops}
  periodSeconds: 10
  timeoutSeconds: 2
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /readyz, port: ops}
  periodSeconds: 5
  timeoutSeconds: 2
  failureThreshold: 2
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

{{/* The broker's AMQP port. */}}
{{- define "seccam.broker.port" -}}
{{- $external := .Values.broker.external -}}
{{- $tls := $external.enabled | ternary $external.tls .Values.broker.tls.enabled -}}
{{- $external.enabled | ternary $external.port 0 | default (ternary 5671 5672 $tls) | int -}}
{{- end -}}

{{/* The broker's address as our services take it, without user and password. */}}
{{- define "seccam.broker.url" -}}
{{- $external := .Values.broker.external -}}
{{- $tls := $external.enabled | ternary $external.tls .Values.broker.tls.enabled -}}
{{- $host := $external.enabled | ternary $external.host (include "seccam.component.name" (list . "rabbitmq")) -}}
{{- $vhost := $external.enabled | ternary $external.vhost "/" -}}
{{- printf "%s://%s:%s/%s" (ternary "amqps" "amqp" $tls) $host (include "seccam.broker.port" .) (eq $vhost "/" | ternary "" (urlquery $vhost | replace "+" "%20")) -}}
{{- end -}}

{{/* Secret with the `ca.crt` that our services check the broker by; empty: none, or the public ones. */}}
{{- define "seccam.broker.caSecret" -}}
{{- if .Values.broker.external.enabled -}}
{{- if .Values.broker.external.tls -}}{{ .Values.broker.external.caSecret }}{{- end -}}
{{- else if .Values.broker.tls.enabled -}}
{{- .Values.broker.tls.existingSecret | default (include "seccam.component.name" (list . "rabbitmq-tls")) -}}
{{- end -}}
{{- end -}}

{{/* Environment that all our services need; (list $ "camera"), the second being the broker's user. */}}
{{- define "seccam.env" -}}
{{- $root := index . 0 -}}{{- $user := index . 1 -}}
- {name: SECCAM_LOG_LEVEL, value: {{ $root.Values.log.level }}}
- {name: SECCAM_LOG_FORMAT, value: {{ $root.Values.log.format }}}
- {name: PROMETHEUS_DISABLE_CREATED_SERIES, value: "true"}
- {name: SECCAM_BROKER_URL, value: {{ include "seccam.broker.url" $root | quote }}}
- {name: SECCAM_BROKER_USERNAME, value: {{ $user }}}
- name: SECCAM_BROKER_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ include "seccam.broker.secret" $root | quote }}, key: {{ $user }}}}
{{- if include "seccam.broker.caSecret" $root }}
- {name: SECCAM_BROKER_CA_FILE, value: /etc/seccam/broker-ca/ca.crt}
{{- end }}
{{- end -}}

{{/*
A container's environment: what the chart sets, but for what `extraEnv` sets anew, and that; (list $extraEnv "the chart's, as YAML").
A name that is there twice is refused by server-side apply, which Helm 4 does.
*/}}
{{- define "seccam.env.with" -}}
{{- $names := list -}}
{{- range index . 0 }}{{ $names = append $names .name }}{{ end -}}
{{- $env := list -}}
{{- range index . 1 | fromYamlArray }}{{ if not (has .name $names) }}{{ $env = append $env . }}{{ end }}{{ end -}}
{{- toYaml (concat $env (index . 0)) -}}
{{- end -}}

{{/* The mount and the volume that go with it. */}}
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

{{/*
Networks as peers of a network policy. All but the addresses where a cloud tells who asks what its node may do
(link-local, and Amazon's over IPv6); one that is named is meant.
*/}}
{{- define "seccam.networks" -}}
{{- $spared := dict "0.0.0.0/0" (list "169.254.0.0/16") "::/0" (list "fe80::/10" "fd00:ec2::254/128") -}}
{{- $peers := list -}}
{{- range . -}}
{{- $block := dict "cidr" . -}}
{{- with get $spared . -}}{{- $_ := set $block "except" . -}}{{- end -}}
{{- $peers = append $peers (dict "ipBlock" $block) -}}
{{- end -}}
{{- toYaml $peers -}}
{{- end -}}
