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
