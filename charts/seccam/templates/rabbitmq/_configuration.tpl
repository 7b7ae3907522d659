{{/* Bytes of a quantity such as 768Mi; empty if it isn't a valid memory limit or claim size. */}}
{{- define "seccam.broker.bytes" -}}
{{- $units := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $quantity := kindIs "float64" . | ternary (int64 . | toString) (toString .) -}}
{{- if regexMatch "^[0-9]+([.][0-9]+)?(k|M|G|T|Ki|Mi|Gi|Ti)?$" $quantity -}}
{{- $unit := regexFind "[a-zA-Z]*$" $quantity -}}
{{- mulf (trimSuffix $unit $quantity | float64) (get $units $unit) | int64 -}}
{{- end -}}
{{- end -}}

{{/* Enabled plugins, as a list. */}}
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
# No default user: all users are in the definitions. These are imported only when they have changed, because RabbitMQ before 4.2 may fail
# to start if it imports them while it recovers a stream (rabbitmq-server#14772).
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
# Quorum queues keep the newest file of their log in memory: 512 MiB by default, more than the watermark of the chart's memory limit. With
# that, a backlog of 8,000 to 9,000 events (43 kB each) raised the memory alarm on RabbitMQ 3.10.
raft.wal_max_size_bytes = 64000000
# A message keeps the whole buffer in memory that it was received with. Linux lets a buffer grow to megabytes, and frames that come after a
# stall would be seconds old. Setting one of these options drops RabbitMQ's own values of the others.
tcp_listen_options.backlog = 128
tcp_listen_options.nodelay = true
tcp_listen_options.exit_on_close = false
tcp_listen_options.linger.on = true
tcp_listen_options.linger.timeout = 0
tcp_listen_options.sndbuf = 262144
tcp_listen_options.recbuf = 262144
mqtt.tcp_listen_options.backlog = 128
mqtt.tcp_listen_options.nodelay = true
mqtt.tcp_listen_options.sndbuf = 262144
mqtt.tcp_listen_options.recbuf = 262144
# A frame has at most 2 MiB. An MQTT packet has a header, too.
max_message_size = 2097152
mqtt.max_packet_size_authenticated = 2101248

anonymous_login_user = none
mqtt.allow_anonymous = false
mqtt.exchange = amq.topic
mqtt.vhost = /
# What a client publishes as retained is not kept: it would stay on the disk for ever.
mqtt.retained_message_store = rabbit_mqtt_retained_msg_store_noop
# Frames that wait for an MQTT client that is slower than its camera.
mqtt.mailbox_soft_limit = 20
{{- if $broker.tls.enabled }}

listeners.tcp = none
listeners.ssl.default = 5671
mqtt.listeners.tcp = none
mqtt.listeners.ssl.default = 8883
ssl_options.certfile = /etc/seccam/tls/tls.crt
ssl_options.keyfile = /etc/seccam/tls/tls.key
ssl_options.cacertfile = /etc/seccam/tls/ca.crt
# Clients authenticate with their password.
ssl_options.verify = verify_none
ssl_options.fail_if_no_peer_cert = false
ssl_options.versions.1 = tlsv1.3
ssl_options.versions.2 = tlsv1.2
{{- end }}
{{- if gt (int $broker.replicas) 1 }}

cluster_name = {{ include "seccam.component.name" (list . "rabbitmq") }}
cluster_formation.peer_discovery_backend = k8s
cluster_formation.target_cluster_size_hint = {{ $broker.replicas }}
# Queues are declared when all nodes have joined, with a member on each. A node that lost its disk becomes a member again within a minute.
quorum_queue.continuous_membership_reconciliation.enabled = true
quorum_queue.continuous_membership_reconciliation.target_group_size = {{ $broker.replicas }}
quorum_queue.continuous_membership_reconciliation.interval = 60000
queue_leader_locator = balanced
{{- /* 4.3 has only Khepri, which needs no such setting, and refuses to start with it */}}
{{- with regexFind "^[0-9]+[.][0-9]+" (toString $broker.image.tag) }}
{{- if semverCompare "<4.3" (printf "%s.0" .) }}
# A node in a minority stops until it sees the others again; otherwise both sides go on, and stay apart after the partition.
cluster_partition_handling = pause_minority
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
