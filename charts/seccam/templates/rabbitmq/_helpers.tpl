{{/* The `broker.persistence` that a StatefulSet was created with, as YAML; the argument is the live StatefulSet. */}}
{{- define "seccam.broker.persistence" -}}
{{- $claim := dig "spec" "volumeClaimTemplates" list . | first | default dict -}}
{{- $class := dig "spec" "storageClassName" "" $claim -}}
{{- $modes := dig "spec" "accessModes" list $claim -}}
{{- $size := dig "spec" "resources" "requests" "storage" "" $claim -}}
{{- $annotations := dig "metadata" "annotations" dict $claim -}}
{{- dict "enabled" (not (empty $claim)) "size" $size "storageClass" $class "accessModes" $modes "annotations" $annotations | toYaml -}}
{{- end -}}

{{/* Domain of the pods' host names. Nodes need long names, as pods have no short ones. */}}
{{- define "seccam.broker.domain" -}}
{{- printf "%s.%s.svc" (include "seccam.component.name" (list . "rabbitmq-nodes")) .Release.Namespace -}}
{{- end -}}

{{/* Name of the Secret with the certificate. */}}
{{- define "seccam.broker.tlsSecret" -}}
{{- .Values.broker.tls.existingSecret | default (include "seccam.component.name" (list . "rabbitmq-tls")) -}}
{{- end -}}

{{/* Resources of its containers. Without claims its data are ephemeral, and have a limit of their own. */}}
{{- define "seccam.broker.resources" -}}
{{- $resources := deepCopy .Values.broker.resources -}}
{{- if and (not .Values.broker.persistence.enabled) $resources.limits -}}
{{- $_ := unset $resources.limits "ephemeral-storage" -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end -}}

{{/* Pod security context with the user of RabbitMQ's image. */}}
{{- define "seccam.broker.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 999
runAsGroup: 999
fsGroup: 999
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* Environment of a node. */}}
{{- define "seccam.broker.env" -}}
- {name: HOME, value: /home/rabbitmq}
- {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
# A long name even for a single node, as a node's data is tied to its name.
- {name: RABBITMQ_USE_LONGNAME, value: "true"}
- {name: RABBITMQ_NODENAME, value: rabbit@$(POD_NAME).{{ include "seccam.broker.domain" . }}}
# Empty: the image's own value would override the log format in rabbitmq.conf.
- {name: RABBITMQ_LOGS, value: ""}
# Makes the start script exec the broker instead of staying its parent.
- {name: RUNNING_UNDER_SYSTEMD, value: "true"}
# Messages that a process may send ahead to another one: 400 by default, which are 40 MB of frames for each camera.
- {name: RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS, value: "-rabbit credit_flow_default_credit {16,8}"}
{{- if gt (int .Values.broker.replicas) 1 }}
# How RabbitMQ 4.0 discovers its peers. Later versions derive them from the pods' names.
- {name: K8S_HOST, value: kubernetes.default.svc}
- {name: K8S_SERVICE_NAME, value: {{ include "seccam.component.name" (list . "rabbitmq-nodes") }}}
- {name: K8S_ADDRESS_TYPE, value: hostname}
- {name: K8S_HOSTNAME_SUFFIX, value: .{{ include "seccam.broker.domain" . }}}
{{- end }}
{{- end -}}
