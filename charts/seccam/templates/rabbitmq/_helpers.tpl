{{/* How many cameras the work queue is made for: a power of two, so that a further camera seldom restarts the broker. */}}
{{- define "seccam.broker.cameras" -}}
{{- $room := 8 -}}
{{- range until 16 -}}
{{- if lt $room (len $.Values.cameras) -}}{{- $room = mul 2 $room -}}{{- end -}}
{{- end -}}
{{- $room -}}
{{- end -}}

{{/* The `broker.persistence` by which a StatefulSet was made, as YAML; the argument is the live one. */}}
{{- define "seccam.broker.persistence" -}}
{{- $claim := dig "spec" "volumeClaimTemplates" list . | first | default dict -}}
{{- $class := dig "spec" "storageClassName" "" $claim -}}
{{- $modes := dig "spec" "accessModes" list $claim -}}
{{- $size := dig "spec" "resources" "requests" "storage" "" $claim -}}
{{- $annotations := dig "metadata" "annotations" dict $claim -}}
{{- dict "enabled" (not (empty $claim)) "size" $size "storageClass" $class "accessModes" $modes "annotations" $annotations | toYaml -}}
{{- end -}}

{{/* What a pod is called on the network, for itself and its peers: a long name, for these pods have no other. */}}
{{- define "seccam.broker.domain" -}}
{{- printf "%s.%s.svc" (include "seccam.component.name" (list . "rabbitmq-nodes")) .Release.Namespace -}}
{{- end -}}

{{/* Secret with the certificate. */}}
{{- define "seccam.broker.tlsSecret" -}}
{{- .Values.broker.tls.existingSecret | default (include "seccam.component.name" (list . "rabbitmq-tls")) -}}
{{- end -}}

{{/* The user that RabbitMQ's image runs as. */}}
{{- define "seccam.broker.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 999
runAsGroup: 999
fsGroup: 999
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* Names that clients call the broker by, and its certificate is for: a list. */}}
{{- define "seccam.broker.names" -}}
{{- $services := list "rabbitmq" -}}
{{- if .Values.broker.mqtt.service.enabled -}}{{- $services = append $services "mqtt" -}}{{- end -}}
{{- $names := list -}}
{{- range $service := $services -}}
{{- $name := include "seccam.component.name" (list $ $service) -}}
{{- $names = concat $names (list $name (printf "%s.%s" $name $.Release.Namespace) (printf "%s.%s.svc" $name $.Release.Namespace) (printf "%s.%s.svc.cluster.local" $name $.Release.Namespace)) -}}
{{- end -}}
{{- toYaml $names -}}
{{- end -}}

{{/* The environment of a node. */}}
{{- define "seccam.rabbitmq.env" -}}
- {name: HOME, value: /home/rabbitmq}
- {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
# The long name even of a single node: a node's data goes by its name.
- {name: RABBITMQ_USE_LONGNAME, value: "true"}
- {name: RABBITMQ_NODENAME, value: rabbit@$(POD_NAME).{{ include "seccam.broker.domain" . }}}
# Empty: what the image sets there goes before the configuration's format.
- {name: RABBITMQ_LOGS, value: ""}
# Makes the script become the broker, where it would stay in front of it.
- {name: RUNNING_UNDER_SYSTEMD, value: "true"}
{{- if gt (int .Values.broker.replicas) 1 }}
# Where RabbitMQ 4.0 looks for its peers; later versions go by the pods' names.
- {name: K8S_HOST, value: kubernetes.default.svc}
- {name: K8S_SERVICE_NAME, value: {{ include "seccam.component.name" (list . "rabbitmq-nodes") }}}
- {name: K8S_ADDRESS_TYPE, value: hostname}
- {name: K8S_HOSTNAME_SUFFIX, value: .{{ include "seccam.broker.domain" . }}}
{{- end }}
{{- end -}}
