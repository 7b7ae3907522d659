{{/* Users of the broker, each with a password of its own: the keys of `seccam.topology`'s PERMISSIONS. */}}
{{- define "seccam.broker.users" -}}
[camera, monitor, security, notifier, mqtt, operator]
{{- end -}}

{{/* How many cameras the work queue is made for: a power of two, so that a further camera seldom restarts the broker. */}}
{{- define "seccam.broker.cameras" -}}
{{- $room := 8 -}}
{{- range until 16 -}}
{{- if lt $room (len $.Values.cameras) -}}{{- $room = mul 2 $room -}}{{- end -}}
{{- end -}}
{{- $room -}}
{{- end -}}

{{/* Bytes of a quantity such as 768Mi; empty if it is none that a memory limit or a claim has. */}}
{{- define "seccam.broker.bytes" -}}
{{- $units := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $quantity := kindIs "float64" . | ternary (int64 . | toString) (toString .) -}}
{{- if regexMatch "^[0-9]+([.][0-9]+)?(k|M|G|T|Ki|Mi|Gi|Ti)?$" $quantity -}}
{{- $unit := regexFind "[a-zA-Z]*$" $quantity -}}
{{- mulf (trimSuffix $unit $quantity | float64) (get $units $unit) | int64 -}}
{{- end -}}
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

{{- define "seccam.broker.plugins" -}}
{{- $plugins := list "rabbitmq_mqtt" "rabbitmq_prometheus" -}}
{{- if gt (int .Values.broker.replicas) 1 -}}
{{- $plugins = append $plugins "rabbitmq_peer_discovery_k8s" -}}
{{- end -}}
{{- concat $plugins .Values.broker.extraPlugins | uniq | toYaml -}}
{{- end -}}

{{/* rabbitmq.conf */}}
{{- define "seccam.broker.configuration" -}}
{{- $broker := .Values.broker -}}
# There is no default user: whoever may log in is in the definitions. They are loaded when they have changed: RabbitMQ
# before 4.2 may fail to start over them while it recovers a stream (rabbitmq-server#14772).
definitions.import_backend = local_filesystem
definitions.local.path = /etc/seccam/definitions/definitions.json
definitions.skip_if_unchanged = true
log.file = false
log.console = true
log.console.level = {{ .Values.log.level }}
{{- if eq .Values.log.format "json" }}
log.console.formatter = json
{{- end }}

disk_free_limit.absolute = {{ $broker.diskFreeLimit }}
{{- with include "seccam.broker.bytes" (dig "limits" "memory" "" $broker.resources) }}
vm_memory_high_watermark.absolute = {{ mulf (float64 .) (float64 $broker.memoryWatermark) | int64 }}
{{- else }}
vm_memory_high_watermark.relative = {{ $broker.memoryWatermark }}
{{- end }}
# Quorum queues keep in memory what is in their log's newest file, 512 MiB by default: more than the watermark of the chart's memory
# limit. With that, 8,000 to 9,000 events that nobody took (43 kB each) raised the alarm on RabbitMQ 3.10.
raft.wal_max_size_bytes = 64000000
# A picture has 2 MiB at most.
max_message_size = 4194304

anonymous_login_user = none
mqtt.allow_anonymous = false
mqtt.exchange = amq.topic
mqtt.vhost = /
# Pictures that wait for an MQTT client that is slower than its camera.
mqtt.mailbox_soft_limit = 20
{{- if $broker.tls.enabled }}

listeners.tcp = none
listeners.ssl.default = 5671
mqtt.listeners.tcp = none
mqtt.listeners.ssl.default = 8883
ssl_options.certfile = /etc/seccam/tls/tls.crt
ssl_options.keyfile = /etc/seccam/tls/tls.key
ssl_options.cacertfile = /etc/seccam/tls/ca.crt
# A client proves itself by its password.
ssl_options.verify = verify_none
ssl_options.fail_if_no_peer_cert = false
ssl_options.versions.1 = tlsv1.3
ssl_options.versions.2 = tlsv1.2
{{- end }}
{{- if gt (int $broker.replicas) 1 }}

cluster_name = {{ include "seccam.component.name" (list . "rabbitmq") }}
cluster_formation.peer_discovery_backend = k8s
cluster_formation.target_cluster_size_hint = {{ $broker.replicas }}
# Queues are made when all nodes are there, with a member on each; one that lost its disk becomes a member again within
# a minute.
quorum_queue.continuous_membership_reconciliation.enabled = true
quorum_queue.continuous_membership_reconciliation.target_group_size = {{ $broker.replicas }}
quorum_queue.continuous_membership_reconciliation.interval = 60000
queue_leader_locator = balanced
{{- end }}
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
