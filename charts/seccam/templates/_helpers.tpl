{{/* The chart's name, or nameOverride. */}}
{{- define "seccam.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/*
Prefix of all object names. At most 24 characters, so that a camera's pod name fits (-camera- and up to 31 more); without dots, which a
Service's name can't have.
*/}}
{{- define "seccam.fullname" -}}
{{- $name := include "seccam.name" . -}}
{{- $full := .Values.fullnameOverride | default (contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name)) -}}
{{- $full | replace "." "-" | trunc 24 | trimSuffix "-" -}}
{{- end -}}

{{/* Name of a component's objects; (list $ "monitor"). */}}
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

{{/* Labels of a component's pods; (list $ "monitor" .Values.monitor). Without the chart's version, which would restart every pod. */}}
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

{{/* Reference of an image; (list $ .Values.monitor.image "monitor"). */}}
{{- define "seccam.image" -}}
{{- $root := index . 0 -}}{{- $own := index . 1 -}}
{{- $repository := $own.repository | default (printf "%s/%s" $root.Values.image.registry (index . 2)) -}}
{{- $released := and (not $own.repository) (not $own.tag) (not $root.Values.image.tag) -}}
{{- $digest := $own.digest | default ($released | ternary (get $root.Values.image.digests (index . 2)) "") -}}
{{- if $digest -}}
{{ $repository }}@{{ $digest }}
{{- else -}}
{{ $repository }}:{{ $own.tag | default $root.Values.image.tag | default $root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/*
Fields that all pods of the chart share; (list $ $component $componentValues). The pod's security context is apart, as the broker runs as
another user. A hook's pod has an empty component: hooks run before the ServiceAccounts exist.
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

{{/* Topology spread constraints; (list $ $component $componentValues). By default pods spread over nodes where possible. */}}
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

{{/* The user of seccam's images, and what Pod Security restricted requires of a pod. */}}
{{- define "seccam.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* What Pod Security restricted requires of a container, and a read-only root. */}}
{{- define "seccam.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/*
Fields that the containers of all services share; (list $ "monitor" .Values.monitor). The mounts come last, so that a service can append
its own.
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

{{/* Volumes of that container; (list $ .Values.monitor). */}}
{{- define "seccam.volumes" -}}
- {name: tmp, emptyDir: {sizeLimit: 64Mi}}
{{- include "seccam.brokerCa.volume" (index . 0) }}
{{- with (index . 1).extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Probes of a service, on its port `ops`. */}}
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

{{/* Environment that all services share; (list $ "monitor"), where the second is the user of the broker. */}}
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

{{/* Environment that defines a visit, for the workers, the notifier and the page. */}}
{{- define "seccam.visit.env" -}}
{{- $visit := .Values.visit | required "visit: missing. helm upgrade --reuse-values keeps the defaults of the old chart: use --reset-then-reuse-values instead" -}}
- {name: SECCAM_VISIT_GAP_SECONDS, value: {{ $visit.gapSeconds | quote }}}
- {name: SECCAM_VISIT_REMINDER_SECONDS, value: {{ $visit.reminderSeconds | quote }}}
{{- end -}}

{{/*
A container's environment: the chart's variables and `extraEnv`, which takes precedence; (list $extraEnv "the chart's, as YAML"). No name
occurs twice: server-side apply, which Helm 4 uses, refuses that.
*/}}
{{- define "seccam.env.with" -}}
{{- $names := list -}}
{{- range index . 0 }}{{ $names = append $names .name }}{{ end -}}
{{- $env := list -}}
{{- range index . 1 | fromYamlArray }}{{ if not (has .name $names) }}{{ $env = append $env . }}{{ end }}{{ end -}}
{{- toYaml (concat $env (index . 0)) -}}
{{- end -}}

{{/* Fails if the cluster lacks an API; (list $ "group/version/Kind" "value that needs it" "what provides it"). */}}
{{- define "seccam.needs" -}}
{{- $root := index . 0 -}}
{{- if not ($root.Capabilities.APIVersions.Has (index . 1)) -}}
{{- fail (printf "%s: this cluster has no %s. Install %s first, or disable the value; to render without a cluster, add --api-versions %s" (index . 2) (index . 1) (index . 3) (index . 1)) -}}
{{- end -}}
{{- end -}}
