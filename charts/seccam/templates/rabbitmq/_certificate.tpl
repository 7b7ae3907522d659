{{/* Host names of the broker, for which its certificate is issued, as a list. */}}
{{- define "seccam.broker.names" -}}
{{- $services := list "rabbitmq" -}}
{{- if .Values.broker.mqtt.service.enabled -}}{{- $services = append $services "mqtt" -}}{{- end -}}
{{- $names := list -}}
{{- range $service := $services -}}
{{- $name := include "seccam.component.name" (list $ $service) -}}
{{- $names = concat $names (list $name (printf "%s.%s" $name $.Release.Namespace) (printf "%s.%s.svc" $name $.Release.Namespace) (printf "%s.%s.svc.cluster.local" $name $.Release.Namespace)) -}}
{{- end -}}
{{- concat $names .Values.broker.tls.dnsNames | uniq | toYaml -}}
{{- end -}}

{{/*
The broker's certificate and the authority that signed it, both of the chart's own, as YAML. They are valid for ten years. An upgrade keeps
the authority, and the certificate too if the broker's names are the same; an upgrade in the last year makes both anew. Stored for the rest
of the rendering.
*/}}
{{- define "seccam.broker.certificate" -}}
{{- if not (hasKey . "seccamCertificate") -}}
{{- $days := 3650 -}}
{{- $now := now | unixEpoch | int64 -}}
{{- $year := mul 365 24 3600 -}}
{{- $liveAuthority := lookup "v1" "Secret" .Release.Namespace (include "seccam.component.name" (list . "rabbitmq-ca")) -}}
{{- $live := lookup "v1" "Secret" .Release.Namespace (include "seccam.broker.tlsSecret" .) -}}
{{- $expires := dig "metadata" "annotations" "seccam.dev/expires" "0" $liveAuthority | int64 -}}
{{- $kept := gt (sub $expires $now) $year -}}
{{- $dnsNames := include "seccam.broker.names" . | fromYamlArray -}}
{{- $ipAddresses := .Values.broker.tls.ipAddresses -}}
{{- $names := concat $dnsNames $ipAddresses | join "," -}}
{{- $authority := dict -}}
{{- if $kept -}}
{{- $authority = $liveAuthority.data -}}
{{- else -}}
{{- $made := genCAWithKey (printf "%s of %s" (include "seccam.fullname" .) .Release.Namespace) $days (genPrivateKey "ecdsa") -}}
{{- $authority = dict "tls.crt" (b64enc $made.Cert) "tls.key" (b64enc $made.Key) -}}
{{- $expires = add $now (mul $days 24 3600) -}}
{{- end -}}
{{- $certificate := dict -}}
{{- if and $kept (eq $names (dig "metadata" "annotations" "seccam.dev/names" "" $live)) -}}
{{- $certificate = $live.data -}}
{{- else -}}
{{- $signer := buildCustomCert (index $authority "tls.crt") (index $authority "tls.key") -}}
{{- $made := genSignedCertWithKey (first $dnsNames) $ipAddresses $dnsNames $days $signer (genPrivateKey "ecdsa") -}}
{{- $certificate = dict "tls.crt" (b64enc $made.Cert) "tls.key" (b64enc $made.Key) "ca.crt" (index $authority "tls.crt") -}}
{{- end -}}
{{- $_ := set . "seccamCertificate" (dict "authority" $authority "expires" (toString $expires) "certificate" $certificate "names" $names) -}}
{{- end -}}
{{- toYaml .seccamCertificate -}}
{{- end -}}
